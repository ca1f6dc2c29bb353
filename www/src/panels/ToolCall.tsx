import { Alert, Badge, Button, Group, List, Stack, Text, Title } from "@mantine/core";
import type { JsonObject } from "footbridge";
import { useMemo, useState } from "react";
import { Revealed } from "../content/Revealed";
import { ToolResult } from "../content/Content";
import { JsonTree } from "../content/JsonTree";
import { draftOf, withText } from "../forms/draft";
import type { Draft } from "../forms/draft";
import { JsonEditor } from "../forms/JsonEditor";
import { hasFields } from "../forms/schema";
import { SchemaForm } from "../forms/SchemaForm";
import { complaints } from "../forms/validator";
import type { Tool } from "../session/mcp";
import { useSession, useView } from "../session/useSession";
import { CallStatus } from "./CallStatus";
import { Hints } from "./Tools";
import type { Call } from "./useCall";

interface ToolCallProps {
  tool: Tool;
  draft: Draft;
  onDraft: (draft: Draft) => void;
  call: Call | null;
  onCall: (value: JsonObject) => void;
  onCancel: () => void;
}

/** One tool: its form, the same as JSON, and what came of calling it. */
export function ToolCall({ tool, draft, onDraft, call, onCall, onCancel }: ToolCallProps) {
  const isReady = useView((view) => view.phase === "ready");
  const [wasTried, setTried] = useState(false);
  const problems = useMemo(() => complaints(tool.inputSchema, draft.value), [tool.inputSchema, draft.value]);
  const isRunning = call?.status === "running";
  const mayCall = isReady && !isRunning && draft.problem === null;
  const attempt = (): void => {
    if (!mayCall) return;
    setTried(true);
    if (problems.length === 0) onCall(draft.value);
  };
  return (
    <Stack
      gap="md"
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) attempt();
      }}
    >
      <div>
        <Group gap="xs">
          <Title order={3} size="h5" className="fb-break">
            <Revealed text={tool.title ?? tool.name} reading="exact" />
          </Title>
          {tool.title !== null && tool.title !== tool.name && (
            <Badge variant="default" size="sm" tt="none">
              <Revealed text={tool.name} reading="exact" />
            </Badge>
          )}
          <Hints hints={tool.hints} />
        </Group>
        {tool.description !== null && (
          <Text size="sm" c="dimmed" className="fb-prose">
            <Revealed text={tool.description} />
          </Text>
        )}
      </div>
      <Changed tool={tool} />
      <div className="fb-form-json">
        {hasFields(tool.inputSchema) ? (
          <SchemaForm schema={tool.inputSchema} value={draft.value} idPrefix={`tool-${tool.name}`} showErrors={wasTried} onChange={(value) => onDraft(draftOf(value))} />
        ) : (
          <Text size="sm" c="dimmed">
            This tool takes no arguments.
          </Text>
        )}
        <JsonEditor label="Arguments as JSON" text={draft.text} problem={draft.problem} onChange={(text) => onDraft(withText(draft, text))} />
      </div>
      {wasTried && problems.length > 0 && (
        <Alert color="yellow" variant="light" title="The arguments do not fit the tool's schema" data-testid="schema-problems">
          <List size="sm" spacing={2}>
            {problems.slice(0, 8).map(({ path, message }, index) => (
              <List.Item key={index}>
                {path.length > 0 && <strong>{path.join(".")} </strong>}
                {message}
              </List.Item>
            ))}
          </List>
          <Button mt="xs" size="compact-sm" variant="default" disabled={!mayCall} onClick={() => onCall(draft.value)}>
            Send it anyway
          </Button>
        </Alert>
      )}
      <Group gap="sm">
        <Button onClick={attempt} disabled={!mayCall} data-testid="call-tool" title="Ctrl+Enter">
          <Revealed text={`Call ${tool.name}`} reading="exact" />
        </Button>
        <Button variant="subtle" color="gray" onClick={() => onDraft(draftOf({}))} disabled={Object.keys(draft.value).length === 0 && draft.problem === null}>
          Empty the form
        </Button>
        {!isReady && (
          <Text size="sm" c="dimmed">
            Not connected.
          </Text>
        )}
      </Group>
      {call !== null && (
        <CallStatus call={call} kind="tool" onCancel={onCancel}>
          {(result) => <ToolResult result={result} />}
        </CallStatus>
      )}
      <details className="fb-details">
        <summary>Definition</summary>
        <JsonTree value={tool.raw} open={2} />
      </details>
    </Stack>
  );
}

/** A tool that is not what it was when the session began is a reason to look again. */
function Changed({ tool }: { tool: Tool }) {
  const session = useSession();
  if (tool.was === null) return null;
  return (
    <Alert color="yellow" variant="light" title={tool.was === "new" ? "The server added this tool during the session" : "The server changed this tool during the session"} data-testid="tool-change">
      <Text size="sm">Read what it says now before you call it.</Text>
      {tool.was !== "new" && (
        <details className="fb-details">
          <summary>What it was</summary>
          <JsonTree value={tool.was} open={2} />
        </details>
      )}
      <Button mt="xs" size="compact-sm" variant="default" onClick={() => session.acceptTool(tool)} data-testid="accept-tool">
        I have read it
      </Button>
    </Alert>
  );
}
