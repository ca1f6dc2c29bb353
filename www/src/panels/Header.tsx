import { ActionIcon, Badge, Button, Group, Text, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { Icon } from "../content/Icon";
import { Revealed } from "../content/Revealed";
import type { Phase } from "../session/view";
import { useSession, useView } from "../session/useSession";

const COLORS: Record<Phase, string> = { idle: "gray", connecting: "yellow", starting: "yellow", ready: "teal", detached: "yellow", closed: "red" };
const WORDS: Record<Phase, string> = { idle: "Not connected", connecting: "Connecting", starting: "Starting", ready: "Ready", detached: "Reconnecting", closed: "Closed" };

/** The product's name, the session's true state, and the way out of it. */
export function Header() {
  const session = useSession();
  const phase = useView((view) => view.phase);
  const server = useView((view) => view.server);
  const target = useView((view) => view.target);
  const name = server?.title ?? server?.name ?? target?.label ?? null;
  const isOpen = phase === "ready" || phase === "detached" || phase === "closed";
  return (
    <header className="fb-header" data-server={phase !== "idle" && name !== null}>
      <Group gap="xs" wrap="nowrap" className="fb-brand">
        <span className="fb-logo">
          <Icon name="bridge" size={18} />
        </span>
        <Text component="h1" fw={650} size="md">
          Footbridge
        </Text>
      </Group>
      <div className="fb-header-server">
        {phase !== "idle" && name !== null && (
          <Text size="sm" fw={550} truncate title={name}>
            <Revealed text={name} reading="exact" />
          </Text>
        )}
        {isOpen && server !== null && (
          <Text size="xs" c="dimmed" truncate className="fb-wide-only">
            {[server.version === null ? null : `v${server.version.replace(/^v/, "")}`, `MCP ${server.protocolVersion}`, server.transport].filter((part) => part !== null).join(" · ")}
          </Text>
        )}
      </div>
      <Group gap="xs" wrap="nowrap">
        <Badge flex="none" color={COLORS[phase]} variant="light" tt="none" data-testid="state" data-state={phase} role="status">
          {WORDS[phase]}
        </Badge>
        {(phase === "ready" || phase === "detached") && (
          <Button size="compact-sm" variant="default" flex="none" onClick={() => session.disconnect()} data-testid="disconnect">
            Disconnect
          </Button>
        )}
        <ColorSchemeToggle />
      </Group>
    </header>
  );
}

function ColorSchemeToggle() {
  // Without `keepTransitions` Mantine inserts a <style> element, which the page's policy refuses.
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const scheme = useComputedColorScheme("light");
  const label = scheme === "dark" ? "Use light colours" : "Use dark colours";
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={label} title={label} onClick={() => setColorScheme(scheme === "dark" ? "light" : "dark")}>
      <Icon name={scheme === "dark" ? "sun" : "moon"} />
    </ActionIcon>
  );
}
