import { Button, Card, Code, Group, NativeSelect, SegmentedControl, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import type { ServerParams } from "footbridge";
import { Revealed } from "../content/Revealed";
import { parseArgv, quoteArgv } from "../forms/argv";
import { parseMcpServers } from "../forms/mcpServers";
import { Pairs, pairsToRecord } from "../forms/Pairs";
import type { Pair } from "../forms/Pairs";
import { describeTarget, ownTarget } from "../session/target";
import { useSession } from "../session/useSession";

type Kind = "stdio" | "http" | "sse" | "json";

type Read = { params: ServerParams; name?: string } | { problem: string | null };

/** What has been filled in, secrets included: it lives in memory only. */
export interface OwnServerDraft {
  kind: Kind;
  line: string;
  cwd: string;
  env: Pair[];
  url: string;
  headers: Pair[];
  json: string;
  /** Which server of the JSON. */
  chosen: string;
}

export const EMPTY_DRAFT: OwnServerDraft = { kind: "stdio", line: "", cwd: "", env: [], url: "", headers: [], json: "", chosen: "" };

/** A server of the user's own, by command, by address or from another client's configuration. */
export function OwnServer({ draft, onDraft }: { draft: OwnServerDraft; onDraft: (draft: OwnServerDraft) => void }) {
  const session = useSession();
  const { kind, line, cwd, env, url, headers, json, chosen } = draft;
  const set = (patch: Partial<OwnServerDraft>): void => onDraft({ ...draft, ...patch });

  const read = kind === "stdio" ? readCommand(line, cwd, env) : kind === "json" ? readJson(json, chosen) : readUrl(kind, url, headers);
  const target = "params" in read ? ownTarget(read.params, read.name) : null;
  const parsed = kind === "json" && json.trim() !== "" ? parseMcpServers(json) : null;

  return (
    <section aria-labelledby="own-title">
      <Title order={2} size="h4" id="own-title">
        Own server
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        The bridge starts the command on its own machine, or reaches the address from there.
      </Text>
      <Card
        withBorder
        padding="md"
        component="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (target !== null) void session.connect(target);
        }}
      >
        <Stack gap="sm">
          <SegmentedControl
            className="fb-segments"
            aria-label="Kind of server"
            value={kind}
            onChange={(value) => set({ kind: value })}
            data={[
              { value: "stdio", label: "Command" },
              { value: "http", label: "HTTP" },
              { value: "sse", label: "SSE" },
              { value: "json", label: "JSON" },
            ] satisfies { value: Kind; label: string }[]}
          />
          {kind === "stdio" && (
            <>
              <Textarea
                label="Command line"
                description="Quoted as in a shell, but no shell runs it. New lines separate words too."
                placeholder="npx -y @modelcontextprotocol/server-everything"
                classNames={{ input: "fb-mono" }}
                autosize
                minRows={1}
                maxRows={8}
                spellCheck={false}
                autoCapitalize="off"
                value={line}
                onChange={(event) => set({ line: event.currentTarget.value })}
                data-testid="own-command"
              />
              <TextInput label="Working directory" description="On the bridge's machine. Empty: the bridge's own." classNames={{ input: "fb-mono" }} value={cwd} onChange={(event) => set({ cwd: event.currentTarget.value })} />
              <Pairs legend="Environment variables" noun="variable" pairs={env} onChange={(env) => set({ env })} />
            </>
          )}
          {(kind === "http" || kind === "sse") && (
            <>
              <TextInput
                label="URL"
                description={kind === "http" ? "Streamable HTTP endpoint." : "The event stream of an older server (HTTP+SSE, 2024-11-05)."}
                placeholder={kind === "http" ? "https://example.com/mcp" : "https://example.com/sse"}
                value={url}
                onChange={(event) => set({ url: event.currentTarget.value })}
                data-testid="own-url"
              />
              <Pairs legend="Headers" noun="header" pairs={headers} onChange={(headers) => set({ headers })} />
            </>
          )}
          {kind === "json" && (
            <>
              <Textarea
                label="mcpServers JSON"
                description="As other MCP clients keep it. Nothing runs until you connect."
                placeholder={'{ "mcpServers": { "everything": { "command": "npx", "args": ["…"] } } }'}
                classNames={{ input: "fb-mono" }}
                autosize
                minRows={4}
                maxRows={16}
                spellCheck={false}
                value={json}
                onChange={(event) => set({ json: event.currentTarget.value })}
                data-testid="own-json"
              />
              {parsed?.ok === true && parsed.servers.length > 1 && (
                <NativeSelect label="Server" data={parsed.servers.map(({ name }) => name)} value={chosen} onChange={(event) => set({ chosen: event.currentTarget.value })} />
              )}
            </>
          )}
          {"problem" in read && read.problem !== null && (
            <Text size="sm" c="red" role="alert">
              {read.problem}
            </Text>
          )}
          {"params" in read && <Preview params={read.params} line={target === null ? "" : describeTarget(target)} />}
          <Group justify="flex-end">
            <Button type="submit" disabled={target === null} data-testid="connect-own">
              Connect
            </Button>
          </Group>
        </Stack>
      </Card>
    </section>
  );
}

/** Exactly what will run or be reached. */
function Preview({ params, line }: { params: ServerParams; line: string }) {
  const secrets = Object.keys((params.type === "StdioServerParams" ? params.env : params.headers) ?? {});
  return (
    <div className="fb-preview" data-testid="own-preview">
      <Text size="xs" c="dimmed" mb={4}>
        {params.type === "StdioServerParams" ? "Will run, each box one argument" : "Will reach"}
      </Text>
      <Group gap={4}>
        {(params.type === "StdioServerParams" ? [params.command, ...(params.args ?? [])] : [line]).map((word, index) => (
          <Code key={index} className="fb-word">
            {word === "" ? "''" : <Revealed text={word} reading="exact" />}
          </Code>
        ))}
      </Group>
      {params.type === "StdioServerParams" && params.cwd !== undefined && (
        <Text size="xs" c="dimmed" mt={4}>
          in <Revealed text={quoteArgv([params.cwd])} reading="exact" />
        </Text>
      )}
      {secrets.length > 0 && (
        <Text size="xs" c="dimmed" mt={4} className="fb-break">
          with <Revealed text={secrets.join(", ")} reading="exact" />
        </Text>
      )}
    </div>
  );
}

function readCommand(line: string, cwd: string, env: Pair[]): Read {
  const parsed = parseArgv(line);
  if (!parsed.ok) return { problem: parsed.error };
  const [command, ...args] = parsed.argv;
  if (command === undefined || command === "") return { problem: null };
  const variables = pairsToRecord(env);
  return {
    params: { type: "StdioServerParams", command, args, ...(variables && { env: variables }), ...(cwd.trim() !== "" && { cwd: cwd.trim() }) },
  };
}

function readUrl(kind: "http" | "sse", address: string, pairs: Pair[]): Read {
  if (address.trim() === "") return { problem: null };
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch {
    return { problem: "The URL is not complete: it starts with http:// or https://." };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return { problem: "The URL must start with http:// or https://." };
  const headers = pairsToRecord(pairs);
  return { params: { type: kind === "sse" ? "SseServerParams" : "StreamableHttpServerParams", url: url.href, ...(headers && { headers }) } };
}

function readJson(text: string, chosen: string): Read {
  if (text.trim() === "") return { problem: null };
  const parsed = parseMcpServers(text);
  if (!parsed.ok) return { problem: parsed.error };
  return parsed.servers.find(({ name }) => name === chosen) ?? parsed.servers[0] ?? { problem: null };
}
