import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { Revealed } from "../content/Revealed";
import { WholeAddress } from "../content/SafeLink";
import { cautions, webAddress } from "../content/url";
import { hasFields, initialValue } from "../forms/schema";
import { SchemaForm } from "../forms/SchemaForm";
import { secretFields } from "../forms/secrets";
import { complaints } from "../forms/validator";
import { isObject, text } from "../session/mcp";
import type { Ask } from "../session/view";

/** A server's question to the person: a form, or an address to visit. */
export function Elicitation({ ask }: { ask: Ask }) {
  const message = text(ask.params["message"]) ?? "";
  return (
    <Stack gap="sm">
      <Text size="sm" className="fb-prose">
        <Revealed text={message} />
      </Text>
      {ask.params["mode"] === "url" ? <Visit ask={ask} address={text(ask.params["url"]) ?? ""} /> : <Questions ask={ask} />}
    </Stack>
  );
}

function Questions({ ask }: { ask: Ask }) {
  const requested = ask.params["requestedSchema"];
  const schema = useMemo(() => (isObject(requested) ? requested : { type: "object" }), [requested]);
  const [value, setValue] = useState(() => initialValue(schema));
  const [wasTried, setTried] = useState(false);
  const secrets = useMemo(() => secretFields(schema), [schema]);
  const problems = useMemo(() => complaints(schema, value), [schema, value]);
  const accept = (): void => {
    setTried(true);
    if (problems.length === 0) ask.answer({ action: "accept", content: value });
  };
  return (
    <>
      {secrets.length > 0 && (
        <Alert color="red" variant="light" title="It asks for what looks like a secret" data-testid="ask-secrets">
          <Text size="sm" className="fb-break">
            <Revealed text={secrets.join(", ")} reading="exact" />
          </Text>
          <Text size="sm">A server that keeps to MCP never asks for passwords, keys or card numbers in a form. Decline, unless you are sure whose server this is.</Text>
        </Alert>
      )}
      {hasFields(schema) && <SchemaForm schema={schema} value={value} idPrefix={`ask-${ask.seq}`} showErrors={wasTried} onChange={setValue} />}
      {wasTried && problems.length > 0 && (
        <Text size="sm" c="red" role="alert">
          {problems.map(({ path, message }) => `${path.join(".")} ${message}`.trim()).join("; ")}
        </Text>
      )}
      <Text size="xs" c="dimmed">
        Your answer goes to this server. Do not give it passwords or keys.
      </Text>
      <Answers ask={ask} onAccept={accept} acceptLabel="Send" />
    </>
  );
}

function Visit({ ask, address }: { ask: Ask; address: string }) {
  const url = webAddress(address);
  return (
    <>
      <Alert color="yellow" variant="light" title={url === null ? "It wants you to visit what is no web address" : `It wants you to visit ${url.host}`} data-testid="ask-address">
        <WholeAddress address={address} />
        {cautions(address).map((caution) => (
          <Text key={caution} size="sm" mt={4} fw={500} className="fb-break">
            {caution}
          </Text>
        ))}
        <Text size="xs" mt={6}>
          Open it only if you trust that host. This page does not open it for you.
        </Text>
      </Alert>
      <Answers ask={ask} onAccept={() => ask.answer({ action: "accept" })} acceptLabel="I will visit it" />
    </>
  );
}

function Answers({ ask, onAccept, acceptLabel }: { ask: Ask; onAccept: () => void; acceptLabel: string }) {
  return (
    <Group gap="xs" className="fb-ask-buttons">
      <Button size="sm" onClick={onAccept} data-testid="ask-accept">
        {acceptLabel}
      </Button>
      <Button size="sm" variant="default" onClick={() => ask.answer({ action: "decline" })} data-testid="ask-decline">
        Decline
      </Button>
      <Button size="sm" variant="subtle" color="gray" onClick={() => ask.answer({ action: "cancel" })} data-testid="ask-cancel">
        Cancel
      </Button>
    </Group>
  );
}
