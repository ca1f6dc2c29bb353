import { Button, Card, Group, Loader, Stack, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { Revealed } from "../content/Revealed";
import { describeTarget } from "../session/target";
import { useSession, useView } from "../session/useSession";
import { StderrLines } from "./Stderr";

/** An attempt under way: how long it has taken, and what the server's process says meanwhile. */
export function Starting() {
  const session = useSession();
  const phase = useView((view) => view.phase);
  const target = useView((view) => view.target);
  const since = useView((view) => view.since);
  const seconds = useElapsed(since);
  return (
    <main className="fb-page">
      <Card withBorder padding="lg">
        <Stack gap="sm">
          <Group justify="space-between" wrap="nowrap">
            <Group gap="sm" wrap="nowrap">
              <Loader size="sm" />
              <div>
                <Text fw={600}>
                  {phase === "connecting" ? "Connecting to the bridge" : <>Starting {target === null ? "the server" : <Revealed text={target.label} reading="exact" />}</>} · {seconds.toFixed(0)} s
                </Text>
                <Text size="sm" c="dimmed" className="fb-break">
                  {target !== null && <Revealed text={describeTarget(target)} reading="exact" />}
                </Text>
              </div>
            </Group>
            <Button variant="default" size="compact-sm" onClick={() => session.cancelConnect()} data-testid="cancel-connect">
              Cancel
            </Button>
          </Group>
          {phase === "starting" && seconds >= 5 && (
            <Text size="sm" c="dimmed">
              A first start may download packages; what the process says on stderr appears here.
            </Text>
          )}
          <StderrLines />
        </Stack>
      </Card>
    </main>
  );
}

/** Seconds since a moment, counting. */
export function useElapsed(since: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    setNow(Date.now());
    const timer = window.setInterval(() => setNow(Date.now()), 200);
    return () => window.clearInterval(timer);
  }, [since]);
  return Math.max(0, now - since) / 1000;
}
