import { ActionIcon, Alert, Badge, Button, Group, Tabs, Text } from "@mantine/core";
import { useLocalStorage, useMediaQuery } from "@mantine/hooks";
import { useState } from "react";
import type { ReactNode } from "react";
import { ErrorBanner } from "../content/ErrorBanner";
import { Icon } from "../content/Icon";
import { Unshowable } from "../content/Unshowable";
import { useSession, useView } from "../session/useSession";
import { Asks } from "./Asks";
import { Notifications } from "./Notifications";
import { Prompts } from "./Prompts";
import { Resources } from "./Resources";
import { ServerInfo } from "./ServerInfo";
import { Stderr } from "./Stderr";
import { Tools } from "./Tools";
import { Traffic } from "./Traffic";

const MAIN = ["tools", "resources", "prompts", "server"] as const;
const MONITOR = ["traffic", "notifications", "stderr"] as const;
type Main = (typeof MAIN)[number];
type Monitor = (typeof MONITOR)[number];
type Tab = Main | Monitor;

const TITLES: Record<Tab, string> = {
  tools: "Tools",
  resources: "Resources",
  prompts: "Prompts",
  server: "Server",
  traffic: "Traffic",
  notifications: "Notifications",
  stderr: "Stderr",
};

const PANELS: Record<Tab, ReactNode> = {
  tools: <Tools />,
  resources: <Resources />,
  prompts: <Prompts />,
  server: <ServerInfo />,
  traffic: <Traffic />,
  notifications: <Notifications />,
  stderr: <Stderr />,
};

/** A session at work: what the server offers, and beside it, where there is room, what goes over the wire. */
export function Workspace() {
  const isWide = useMediaQuery("(min-width: 68em)", true, { getInitialValueInEffect: false });
  const [isPinned, setPinned] = useLocalStorage({ key: "footbridge.monitor", defaultValue: true, getInitialValueInEffect: false });
  const [tab, setTab] = useState<Tab>("tools");
  const [monitor, setMonitor] = useState<Monitor>("traffic");
  const isSplit = isWide && isPinned;
  const shownMain = isSplit && isMonitor(tab) ? "tools" : tab;
  const isShown = (name: Tab): boolean => (isSplit && isMonitor(name) ? name === monitor : name === shownMain);
  const panel = (name: Tab): ReactNode => (
    <section key={name} className="fb-tabpanel" role="tabpanel" id={`${isSplit && isMonitor(name) ? "monitor" : "tabs"}-panel-${name}`} aria-label={TITLES[name]} hidden={!isShown(name)}>
      <Unshowable what={`this part of what the server sent (${TITLES[name]})`}>{PANELS[name]}</Unshowable>
    </section>
  );
  const pin = isWide && (
    <ActionIcon variant="subtle" color="gray" aria-label={isPinned ? "Put the monitor among the tabs" : "Show the monitor at the side"} title={isPinned ? "Put the monitor among the tabs" : "Show the monitor at the side"} aria-pressed={isPinned} onClick={() => setPinned(!isPinned)}>
      <Icon name="columns" />
    </ActionIcon>
  );
  return (
    <main className="fb-workspace">
      <Closed />
      <Asks />
      <div className="fb-columns" data-split={isSplit}>
        <div className="fb-column">
          <div className="fb-tabbar">
            <TabList id="tabs" label="What the server offers" names={isSplit ? MAIN : [...MAIN, ...MONITOR]} value={shownMain} onChange={setTab} />
            {!isSplit && pin}
          </div>
          {MAIN.map(panel)}
          {!isSplit && MONITOR.map(panel)}
        </div>
        {isSplit && (
          <div className="fb-column fb-monitor">
            <div className="fb-tabbar">
              <TabList id="monitor" label="Monitor" names={MONITOR} value={monitor} onChange={(name) => isMonitor(name) && setMonitor(name)} />
              {pin}
            </div>
            {MONITOR.map(panel)}
          </div>
        )}
      </div>
    </main>
  );
}

function isMonitor(name: Tab): name is Monitor {
  return (MONITOR as readonly string[]).includes(name);
}

function TabList({ id, label, names, value, onChange }: { id: string; label: string; names: readonly Tab[]; value: Tab; onChange: (name: Tab) => void }) {
  return (
    <Tabs id={id} value={value} onChange={(name) => name !== null && onChange(name as Tab)} className="fb-tabs">
      <Tabs.List aria-label={label}>
        {names.map((name) => (
          <Tabs.Tab key={name} value={name} data-testid={`tab-${name}`} rightSection={<Count name={name} />}>
            {TITLES[name]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
    </Tabs>
  );
}

function Count({ name }: { name: Tab }) {
  const count = useView((view) => {
    switch (name) {
      case "tools":
        return view.listings.tools.items.length;
      case "resources":
        return view.listings.resources.items.length + view.listings.templates.items.length;
      case "prompts":
        return view.listings.prompts.items.length;
      case "notifications":
        return view.notifications.length;
      case "stderr":
        return view.stderr.length;
      case "server":
      case "traffic":
        return 0;
    }
  });
  const isStale = useView((view) => (name === "tools" || name === "resources" || name === "prompts") && view.listings[name].stale);
  if (isStale) return <span className="fb-dot" title="Changed" />;
  if (count === 0) return null;
  return (
    <Badge size="xs" variant="light" color="gray" aria-label={`${count}`}>
      {count > 999 ? "999+" : count}
    </Badge>
  );
}

/** Says that the session is over, why, and what can be done about it. */
function Closed() {
  const session = useSession();
  const phase = useView((view) => view.phase);
  const closed = useView((view) => view.closed);
  const target = useView((view) => view.target);
  if (phase !== "closed" || closed === null || target === null) return null;
  const buttons = (
    <Group gap="xs">
      <Button size="compact-sm" onClick={() => void session.connect(target)} data-testid="reconnect">
        Reconnect
      </Button>
      <Button size="compact-sm" variant="default" onClick={() => session.forget()} data-testid="choose-server">
        Other server
      </Button>
    </Group>
  );
  if (closed.error !== undefined) {
    return (
      <div className="fb-notice">
        <ErrorBanner error={closed.error} title="The session is closed" />
        {buttons}
      </div>
    );
  }
  return (
    <div className="fb-notice">
      <Alert color="gray" variant="light" role="status" data-testid="closed-notice">
        <Group justify="space-between" gap="xs">
          <Text size="sm">
            The session is closed. {closed.reason === "" ? `Close code ${closed.code}.` : closed.reason}
          </Text>
          {buttons}
        </Group>
      </Alert>
    </div>
  );
}
