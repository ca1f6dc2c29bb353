import { Badge, Button, Group, Stack, Text, Textarea, Title } from "@mantine/core";
import { useState } from "react";
import { Revealed } from "../content/Revealed";
import { ContentBlock } from "../content/Content";
import { isObject, list, text } from "../session/mcp";
import type { Prompt } from "../session/mcp";
import { useSession, useView } from "../session/useSession";
import { BackButton } from "./BackButton";
import { CallStatus } from "./CallStatus";
import { ListFrame, matches } from "./ListFrame";
import { useCalls } from "./useCall";

/** The server's prompts; one of them filled in and fetched. */
export function Prompts() {
  const session = useSession();
  const listing = useView((view) => view.listings.prompts);
  const [search, setSearch] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const calls = useCalls();
  const found = listing.items.filter((item) => matches(search, item.name, item.title, item.description));
  const prompt = listing.items.find(({ name }) => name === chosen) ?? null;
  return (
    <div className="fb-split" data-chosen={prompt !== null}>
      <ListFrame noun="prompt" listing={listing} search={search} onSearch={setSearch} onRefresh={() => void session.refresh("prompts")} found={found.length}>
        <ul className="fb-list fb-scroll">
          {found.map((item) => (
            <li key={item.name}>
              <button type="button" className="fb-item" aria-current={item.name === chosen} data-testid={`prompt-${item.name}`} onClick={() => setChosen(item.name)}>
                <Text size="sm" fw={550} truncate>
                  <Revealed text={item.name} reading="exact" />
                </Text>
                <Text size="xs" c="dimmed" lineClamp={2}>
                  <Revealed text={item.description ?? item.title ?? ""} />
                </Text>
              </button>
            </li>
          ))}
        </ul>
      </ListFrame>
      <div className="fb-detail">
        {prompt === null ? (
          <Text className="fb-empty">Choose a prompt to fetch it.</Text>
        ) : (
          <>
            <BackButton label="All prompts" onClick={() => setChosen(null)} />
            <PromptForm key={prompt.name} prompt={prompt} calls={calls} />
          </>
        )}
      </div>
    </div>
  );
}

function PromptForm({ prompt, calls }: { prompt: Prompt; calls: ReturnType<typeof useCalls> }) {
  const isReady = useView((view) => view.phase === "ready");
  const [values, setValues] = useState<Record<string, string>>({});
  const call = calls.of(prompt.name);
  const isMissing = prompt.arguments.some(({ name, required }) => required && (values[name] ?? "") === "");
  const filled = Object.fromEntries(prompt.arguments.flatMap(({ name }) => ((values[name] ?? "") === "" ? [] : [[name, values[name]]])));
  return (
    <Stack gap="sm">
      <div>
        <Title order={3} size="h5" className="fb-break">
          <Revealed text={prompt.title ?? prompt.name} reading="exact" />
        </Title>
        <Text size="sm" c="dimmed" className="fb-prose">
          <Revealed text={prompt.description ?? ""} />
        </Text>
      </div>
      {prompt.arguments.map(({ name, description, required }) => (
        <Textarea
          key={name}
          label={name}
          description={description}
          required={required}
          autosize
          minRows={1}
          maxRows={8}
          value={values[name] ?? ""}
          onChange={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
        />
      ))}
      <div>
        <Button disabled={!isReady || isMissing || call?.status === "running"} onClick={() => void calls.start(prompt.name, "prompts/get", { name: prompt.name, arguments: filled })} data-testid="get-prompt">
          <Revealed text={`Get ${prompt.name}`} reading="exact" />
        </Button>
      </div>
      {call !== null && (
        <CallStatus call={call} kind="prompt" onCancel={() => calls.cancel(prompt.name)}>
          {(result) => (
            <Stack gap="xs">
              {text(result["description"]) !== null && <Text size="sm">{text(result["description"])}</Text>}
              {list(result["messages"]).map((message, index) =>
                isObject(message) ? (
                  <div key={index}>
                    <Group gap="xs" mb={4}>
                      <Badge size="sm" tt="none" variant="light" color={message["role"] === "assistant" ? "grape" : "blue"}>
                        {text(message["role"]) ?? "?"}
                      </Badge>
                    </Group>
                    <ContentBlock block={message["content"] ?? null} />
                  </div>
                ) : null,
              )}
            </Stack>
          )}
        </CallStatus>
      )}
    </Stack>
  );
}
