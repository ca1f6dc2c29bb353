import { Badge, Group, Text } from "@mantine/core";
import { useState } from "react";
import { Revealed } from "../content/Revealed";
import { draftOf } from "../forms/draft";
import type { Draft } from "../forms/draft";
import { initialValue } from "../forms/schema";
import type { Tool, ToolHints } from "../session/mcp";
import { useSession, useView } from "../session/useSession";
import { BackButton } from "./BackButton";
import { ListFrame, matches } from "./ListFrame";
import { ToolCall } from "./ToolCall";
import { useCalls } from "./useCall";

/** The server's tools; one of them filled in and called. */
export function Tools() {
  const session = useSession();
  const listing = useView((view) => view.listings.tools);
  const [search, setSearch] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const [drafts, setDrafts] = useState<ReadonlyMap<string, Draft>>(new Map());
  const calls = useCalls();
  const found = listing.items.filter((tool) => matches(search, tool.name, tool.title, tool.description));
  const tool = listing.items.find(({ name }) => name === chosen) ?? null;
  return (
    <div className="fb-split" data-chosen={tool !== null}>
      <ListFrame noun="tool" listing={listing} search={search} onSearch={setSearch} onRefresh={() => void session.refresh("tools")} found={found.length}>
        <ul className="fb-list fb-scroll" data-testid="tool-list">
          {found.map((item) => (
            <li key={item.name}>
              <button type="button" className="fb-item" aria-current={item.name === chosen} data-testid={`tool-${item.name}`} onClick={() => setChosen(item.name)}>
                <Group gap={6} wrap="nowrap" justify="space-between">
                  <Text size="sm" fw={550} truncate>
                    <Revealed text={item.name} reading="exact" />
                  </Text>
                  {item.was !== null && (
                    <Badge size="xs" color="yellow" variant="light" tt="none" flex="none" data-testid="tool-changed">
                      {item.was === "new" ? "new" : "changed"}
                    </Badge>
                  )}
                  {calls.of(item.name)?.status === "running" && <span className="fb-dot" title="Running" />}
                </Group>
                <Text size="xs" c="dimmed" lineClamp={2}>
                  <Revealed text={(item.title !== null && item.title !== item.name ? item.title : item.description) ?? ""} />
                </Text>
                <Hints hints={item.hints} />
              </button>
            </li>
          ))}
        </ul>
      </ListFrame>
      <div className="fb-detail">
        {tool === null ? (
          <Text className="fb-empty">Choose a tool to call it.</Text>
        ) : (
          <>
            <BackButton label="All tools" onClick={() => setChosen(null)} />
            <ToolCall
              key={tool.name}
              tool={tool}
              draft={drafts.get(tool.name) ?? draftOf(initialValue(tool.inputSchema))}
              onDraft={(draft) => setDrafts(new Map(drafts).set(tool.name, draft))}
              call={calls.of(tool.name)}
              onCall={(value) => void calls.start(tool.name, "tools/call", { name: tool.name, arguments: value })}
              onCancel={() => calls.cancel(tool.name)}
            />
          </>
        )}
      </div>
    </div>
  );
}

/** What a tool says about itself. Hints, not promises. */
export function Hints({ hints }: { hints: Tool["hints"] }) {
  const badges: [keyof ToolHints, string, string][] = [
    ["readOnly", "read-only", "teal"],
    ["destructive", "destructive", "red"],
    ["idempotent", "idempotent", "blue"],
    ["openWorld", "open world", "grape"],
  ];
  const shown = badges.filter(([hint]) => hints[hint] === true);
  if (shown.length === 0) return null;
  return (
    <Group gap={4} mt={4}>
      {shown.map(([hint, word, color]) => (
        <Badge key={hint} size="xs" variant="light" color={color} tt="none">
          {word}
        </Badge>
      ))}
    </Group>
  );
}
