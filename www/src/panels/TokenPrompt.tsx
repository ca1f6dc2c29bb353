import { Alert, Button, Code, Group, PasswordInput, Text } from "@mantine/core";
import { useState } from "react";
import type { FormEvent } from "react";
import { useSession } from "../session/useSession";

/** Asks for the bridge's token, and says where to find it. */
export function TokenPrompt() {
  const session = useSession();
  const [token, setToken] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (token.trim() !== "") void session.useToken(tokenIn(token));
  };
  return (
    <Alert color="yellow" variant="light" title="This bridge wants its token" data-testid="token-prompt">
      <Text size="sm" mb="sm">
        It is in the line that <Code>footbridge serve</Code> printed in its terminal, after <Code>#token=</Code>. Open that whole address, or paste the token here. It stays in this tab.
      </Text>
      <form onSubmit={submit}>
        <Group gap="xs" align="flex-end">
          <PasswordInput className="fb-grow" label="Token" value={token} autoComplete="off" onChange={(event) => setToken(event.currentTarget.value)} data-testid="token-input" />
          <Button type="submit" disabled={token.trim() === ""} data-testid="token-submit">
            Use it
          </Button>
        </Group>
      </form>
    </Alert>
  );
}

/** People also paste the whole address. */
function tokenIn(pasted: string): string {
  const text = pasted.trim();
  return /#token=([^&\s]+)/.exec(text)?.[1] ?? text;
}
