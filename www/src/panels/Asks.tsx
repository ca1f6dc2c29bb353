import { Badge, Button, Card, Group, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { Revealed } from "../content/Revealed";
import { Unshowable } from "../content/Unshowable";
import { describeTarget } from "../session/target";
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
            <Revealed text={name} reading="exact" />
          </Text>
        </Group>
        {asks.length > 1 && (
          <Text size="xs" c="dimmed">
            1 of {asks.length}
          </Text>
        )}
      </Group>
      {/* The name above is the server's own word; this is what the person chose. */}
      {target !== null && (
        <Text size="xs" c="dimmed" mb="xs" className="fb-break" data-testid="ask-target">
          That is what it calls itself. You connected to: <Revealed text={describeTarget(target)} reading="exact" />
        </Text>
      )}
      <Unshowable
        key={ask.seq}
        what="what the server asks"
        wayOut={
          <div>
            <Button mt="xs" size="compact-sm" variant="default" data-testid="ask-decline" onClick={() => (ask.kind === "elicitation" ? ask.answer({ action: "decline" }) : ask.refuse("The user rejected the request."))}>
              Decline
            </Button>
          </div>
        }
      >
        {ask.kind === "elicitation" ? <Elicitation ask={ask} /> : <Sampling ask={ask} />}
      </Unshowable>
    </Card>
  );
}
