import { Badge, Card, Group, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useView } from "../session/useSession";
import { Elicitation } from "./Elicitation";
import { Sampling } from "./Sampling";

/** What the server asks of the person, first come first; everything else goes on meanwhile. */
export function Asks() {
  const asks = useView((view) => view.asks);
  const server = useView((view) => view.server);
  const target = useView((view) => view.target);
  const card = useRef<HTMLDivElement>(null);
  const ask = asks[0];
  const seq = ask?.seq;
  useEffect(() => {
    if (seq !== undefined) card.current?.focus();
  }, [seq]);
  useEffect(() => {
    document.title = asks.length === 0 ? "Footbridge" : `(${asks.length}) Footbridge`;
  }, [asks.length]);
  if (ask === undefined) return null;
  const name = server?.title ?? server?.name ?? target?.label ?? "The server";
  return (
    <Card withBorder ref={card} tabIndex={-1} className="fb-ask" role="region" aria-label={`${name} asks`} data-testid="ask" padding="md">
      <Group justify="space-between" mb="xs">
        <Group gap="xs">
          <Badge color="indigo" variant="light" tt="none">
            {ask.kind === "elicitation" ? "The server asks you" : "The server asks for a model's answer"}
          </Badge>
          <Text size="sm" fw={600} data-testid="ask-server">
            {name}
          </Text>
        </Group>
        {asks.length > 1 && (
          <Text size="xs" c="dimmed">
            1 of {asks.length}
          </Text>
        )}
      </Group>
      {ask.kind === "elicitation" ? <Elicitation key={ask.seq} ask={ask} /> : <Sampling key={ask.seq} ask={ask} />}
    </Card>
  );
}
