import { Badge, Button, Group, Stack, Text, Textarea, TextInput } from "@mantine/core";
import type { Json } from "footbridge";
import { useState } from "react";
import { ContentBlock } from "../content/Content";
import { JsonTree } from "../content/JsonTree";
import { Revealed } from "../content/Revealed";
import { isObject, list, text } from "../session/mcp";
import type { Ask } from "../session/view";

/** A server's wish for a model's answer. There is no model here: the person writes it, or refuses. */
export function Sampling({ ask }: { ask: Ask }) {
  const [answer, setAnswer] = useState("");
  const [model, setModel] = useState("a person in the playground");
  const { messages, systemPrompt, ...options } = ask.params;
  return (
    <Stack gap="sm">
      {text(systemPrompt) !== null && (
        <Text size="sm" c="dimmed" className="fb-prose">
          System prompt: <Revealed text={text(systemPrompt) ?? ""} />
        </Text>
      )}
      {list(messages).map((message, index) => (
        <Message key={index} message={message} />
      ))}
      {Object.keys(options).length > 0 && (
        <details className="fb-details">
          <summary>Options</summary>
          <JsonTree value={options} open={2} />
        </details>
      )}
      <Textarea label="Answer" description="Sent to the server as the model's answer." required autosize minRows={2} maxRows={12} value={answer} onChange={(event) => setAnswer(event.currentTarget.value)} data-testid="ask-answer" />
      <TextInput label="Model" description="The name the server is told." value={model} onChange={(event) => setModel(event.currentTarget.value)} />
      <Group gap="xs" className="fb-ask-buttons">
        <Button
          size="sm"
          disabled={answer.trim() === ""}
          data-testid="ask-accept"
          onClick={() => ask.answer({ role: "assistant", content: { type: "text", text: answer }, model, stopReason: "endTurn" })}
        >
          Approve and send
        </Button>
        <Button size="sm" variant="default" data-testid="ask-decline" onClick={() => ask.refuse("The user rejected the sampling request.")}>
          Reject
        </Button>
      </Group>
    </Stack>
  );
}

function Message({ message }: { message: Json }) {
  if (!isObject(message)) return <JsonTree value={message} />;
  const content = message["content"] ?? null;
  return (
    <div>
      <Badge size="sm" mb={4} tt="none" variant="light" color={message["role"] === "assistant" ? "grape" : "blue"}>
        <Revealed text={text(message["role"]) ?? "?"} reading="exact" />
      </Badge>
      {(Array.isArray(content) ? content : [content]).map((block, index) => (
        <ContentBlock key={index} block={block} />
      ))}
    </div>
  );
}
