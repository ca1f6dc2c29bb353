import { Badge, Group, Text } from "@mantine/core";
import { CopyButton } from "../content/CopyButton";
import { JsonTree } from "../content/JsonTree";
import { Revealed } from "../content/Revealed";
import { isObject, text } from "../session/mcp";
import type { Noted } from "../session/view";
import { useSession, useView } from "../session/useSession";
import { ClearButton } from "./ClearButton";
import { LogLevel } from "./LogLevel";
import { clock } from "./time";

const SHOWN = 300;
const LEVEL_COLORS = new Map(Object.entries({ debug: "gray", info: "blue", notice: "blue", warning: "yellow", error: "red", critical: "red", alert: "red", emergency: "red" }));

/** What the server said unasked, the newest first, its log messages among them. */
export function Notifications() {
  const session = useSession();
  const notifications = useView((view) => view.notifications);
  const hasLogging = useView((view) => isObject(view.server?.capabilities["logging"]) && view.phase === "ready");
  const newest = notifications.slice(-SHOWN).reverse();
  return (
    <div className="fb-panel">
      <Group justify="space-between" className="fb-toolbar">
        {hasLogging ? (
          <LogLevel />
        ) : (
          <Text size="sm" c="dimmed">
            {notifications.length.toLocaleString()} received
          </Text>
        )}
        <Group gap={4}>
          <CopyButton label="Copy all notifications" text={() => JSON.stringify(notifications, null, 2)} />
          <ClearButton label="Clear notifications" onClick={() => session.clearNotifications()} />
        </Group>
      </Group>
      {newest.length === 0 && <Text className="fb-empty">The server has sent no notification.</Text>}
      <ul className="fb-list fb-scroll">
        {newest.map((noted) => (
          <Row key={noted.seq} noted={noted} />
        ))}
      </ul>
      {notifications.length > SHOWN && <Text className="fb-empty">The newest {SHOWN} of {notifications.length.toLocaleString()} are shown.</Text>}
    </div>
  );
}

function Row({ noted }: { noted: Noted }) {
  const level = noted.method === "notifications/message" ? text(noted.params["level"]) : null;
  return (
    <li className="fb-row" data-testid="notification-row">
      <Group gap="xs" wrap="nowrap">
        <Text size="xs" c="dimmed" className="fb-mono">
          {clock(noted.time)}
        </Text>
        <Text size="sm" fw={550} truncate>
          <Revealed text={noted.method.replace(/^notifications\//, "")} reading="exact" />
        </Text>
        {level !== null && (
          <Badge size="xs" tt="none" variant="light" color={LEVEL_COLORS.get(level) ?? "gray"}>
            <Revealed text={level} reading="exact" />
          </Badge>
        )}
      </Group>
      {level !== null && typeof noted.params["data"] === "string" ? (
        <Text size="sm" className="fb-break">
          <Revealed text={noted.params["data"]} />
        </Text>
      ) : (
        Object.keys(noted.params).length > 0 && <JsonTree value={noted.params} open={1} />
      )}
    </li>
  );
}
