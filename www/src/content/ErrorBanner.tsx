import { Alert, Code, Group, Stack, Text } from "@mantine/core";
import { FootbridgeError } from "footbridge";
import type { Json } from "footbridge";
import { CopyButton } from "./CopyButton";
import { LongText } from "./LongText";
import { JsonTree } from "./JsonTree";
import { Revealed } from "./Revealed";

const SIDES: Record<FootbridgeError["side"], string> = {
  browser: "in this page",
  bridge: "in the bridge",
  upstream: "between the bridge and the MCP server",
  server: "in the MCP server",
};

interface Diagnosis {
  command: string | null;
  exit: string | null;
  stderr: string | null;
  rest: Json | undefined;
}

/** What went wrong, whose doing it was, the way out, and what the process left behind. */
export function ErrorBanner({ error, title, onClose }: { error: unknown; title: string; onClose?: () => void }) {
  const known = error instanceof FootbridgeError ? error : null;
  const message = error instanceof Error ? error.message : String(error);
  const { command, exit, stderr, rest } = diagnose(known?.data);
  const codes = [known?.code, known?.rpcCode, known?.status === undefined ? undefined : `HTTP ${known.status}`].filter((code) => code !== undefined);
  return (
    <Alert color="red" variant="light" title={title} role="alert" data-testid="error-banner" withCloseButton={onClose !== undefined} closeButtonLabel="Dismiss" {...(onClose && { onClose })}>
      <Stack gap="xs">
        <Text size="sm" className="fb-break">
          <Revealed text={message} />
        </Text>
        {known?.hint !== undefined && (
          <Text size="sm" fw={500} className="fb-break">
            <Revealed text={known.hint} />
          </Text>
        )}
        {command !== null && (
          <Text size="sm">
            Command: <Code className="fb-break"><Revealed text={command} reading="exact" /></Code>
          </Text>
        )}
        {exit !== null && <Text size="sm">{exit}</Text>}
        {stderr !== null && (
          <div>
            <Group justify="space-between">
              <Text size="sm">Its last words on stderr:</Text>
              <CopyButton label="Copy stderr" text={() => stderr} />
            </Group>
            <LongText text={stderr} />
          </div>
        )}
        {rest !== undefined && <JsonTree value={rest} open={1} />}
        {known !== null && (
          <Text size="xs" c="dimmed">
            {codes.join(" · ")} · {SIDES[known.side]}
          </Text>
        )}
      </Stack>
    </Alert>
  );
}

function diagnose(data: Json | undefined): Diagnosis {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    return { command: null, exit: null, stderr: null, rest: data ?? undefined };
  }
  const { command, exit_code, signal, stderr, ...rest } = data;
  const words = [
    typeof exit_code === "number" ? `Exit code ${exit_code}.` : null,
    signal === undefined || signal === null ? null : `Ended by signal ${String(signal)}.`,
  ].filter((word) => word !== null);
  const tail = Array.isArray(stderr) ? stderr.map(String).join("\n") : typeof stderr === "string" ? stderr : "";
  return {
    command: typeof command === "string" ? command : Array.isArray(command) ? command.map(String).join(" ") : null,
    exit: words.length === 0 ? null : words.join(" "),
    stderr: tail.trim() === "" ? null : tail,
    rest: Object.keys(rest).length === 0 ? undefined : rest,
  };
}
