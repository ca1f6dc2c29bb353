import { Alert, Badge, Button, Card, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { FootbridgeError } from "footbridge";
import type { CatalogueEntry } from "footbridge";
import { useEffect, useRef, useState } from "react";
import { ErrorBanner } from "../content/ErrorBanner";
import { Revealed } from "../content/Revealed";
import { refusalIn } from "../forms/inputs";
import { useSession, useView } from "../session/useSession";
import { describeTarget } from "../session/target";
import { OwnServer } from "./OwnServer";
import type { OwnServerDraft } from "./OwnServer";
import { ServerInputs } from "./ServerInputs";
import { TokenPrompt } from "./TokenPrompt";

/** The choice of a server: the bridge's catalogue, or one's own. */
export function Connect({ own, onOwn }: { own: OwnServerDraft; onOwn: (draft: OwnServerDraft) => void }) {
  const session = useSession();
  const failure = useView((view) => view.failure);
  const target = useView((view) => view.target);
  const needsToken = useView((view) => view.needsToken);
  return (
    <main className="fb-page">
      <Stack gap="lg">
        {needsToken ? (
          <TokenPrompt />
        ) : (
          failure !== null && (
            <Stack gap="xs">
              <ErrorBanner error={failure} title={`Could not connect to ${target?.label ?? "the server"}`} onClose={() => session.dismissFailure()} />
              {target !== null && (
                <Group gap="xs">
                  <Button size="compact-sm" onClick={() => void session.connect(target)}>
                    Try again
                  </Button>
                  <Text size="xs" c="dimmed" className="fb-break">
                    <Revealed text={describeTarget(target)} reading="exact" />
                  </Text>
                </Group>
              )}
            </Stack>
          )
        )}
        <OtherToken />
        <Catalogue />
        <OwnServer draft={own} onDraft={onOwn} />
      </Stack>
    </main>
  );
}

/** A link may bring a token; only the person says whether it takes the place of one that works. */
function OtherToken() {
  const session = useSession();
  const isOffered = useView((view) => view.otherToken);
  if (!isOffered) return null;
  return (
    <Alert color="yellow" variant="light" title="The address you opened brought another token" data-testid="other-token">
      <Text size="sm">The token of this tab works and was kept. Use the other one only if you opened that address from your own terminal.</Text>
      <Group gap="xs" mt="xs">
        <Button size="compact-sm" variant="default" onClick={() => void session.decideToken(false)} data-testid="keep-token">
          Keep this tab's token
        </Button>
        <Button size="compact-sm" variant="subtle" color="gray" onClick={() => void session.decideToken(true)} data-testid="take-token">
          Use the other one
        </Button>
      </Group>
    </Alert>
  );
}

function Catalogue() {
  const session = useSession();
  const { status, entries, error } = useView((view) => view.catalogue);
  const needsToken = useView((view) => view.needsToken);
  const sorted = entries.toSorted((a, b) => Number(b.name === "demo") - Number(a.name === "demo"));
  return (
    <section aria-labelledby="catalogue-title">
      <Title order={2} size="h4" id="catalogue-title">
        Servers
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        MCP servers this bridge knows by name.
      </Text>
      {status === "loading" && entries.length === 0 && <Loader size="sm" aria-label="Loading the catalogue" />}
      {status === "failed" && !needsToken && (
        <Stack gap="xs" align="flex-start">
          <ErrorBanner error={error} title="The bridge's catalogue could not be read" />
          <Button size="compact-sm" variant="default" onClick={() => void session.loadCatalogue()}>
            Try again
          </Button>
        </Stack>
      )}
      {status === "loaded" && entries.length === 0 && (
        <Text size="sm" c="dimmed">
          The catalogue is empty. Start the bridge with a servers file, or name your own server below.
        </Text>
      )}
      <div className="fb-cards">
        {sorted.map((entry) => (
          <ServerCard key={entry.name} entry={entry} />
        ))}
      </div>
    </section>
  );
}

function ServerCard({ entry }: { entry: CatalogueEntry }) {
  const session = useSession();
  const label = entry.title ?? entry.name;
  const inputs = entry.inputs ?? [];
  // After a failed attempt the form is as it was.
  const isMine = useView(({ failure, target }) => failure !== null && target?.kind === "catalogue" && target.server === entry.name);
  const given = useView(({ target }) => (isMine && target?.kind === "catalogue" ? target.inputs : undefined));
  const failure = useView((view) => (isMine && view.failure instanceof FootbridgeError ? view.failure : null));
  const [isAsking, setAsking] = useState(given !== undefined);
  // The form takes the place of the button that opened it, and gives it back: so does the keyboard's focus.
  const [wasAsked, setAsked] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (wasAsked && !isAsking) button.current?.focus();
  }, [wasAsked, isAsking]);
  const ask = (): void => {
    setAsked(true);
    setAsking(true);
  };
  const connect = (values?: Record<string, string>): void => void session.connect({ kind: "catalogue", server: entry.name, label, ...(values && { inputs: values }) });
  return (
    <Card withBorder padding="md" className={isAsking && inputs.length > 0 ? "fb-card-asking" : ""} data-testid={`server-card-${entry.name}`}>
      <Stack gap="xs" h="100%">
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Text fw={600} truncate title={label}>
            {label}
          </Text>
          <Badge size="sm" variant="light" color="gray" tt="none">
            {entry.transport}
          </Badge>
        </Group>
        <Text size="sm" c="dimmed" className="fb-grow fb-clamp">
          {entry.description ?? (entry.title === undefined ? "No description." : entry.name)}
        </Text>
        {isAsking && inputs.length > 0 ? (
          <ServerInputs label={label} inputs={inputs} given={given} refusal={refusalIn(failure)} focus={wasAsked} onSubmit={connect} onCancel={() => setAsking(false)} />
        ) : (
          <Button
            ref={button}
            fullWidth
            variant={entry.name === "demo" ? "filled" : "light"}
            aria-label={`Connect to ${label}`}
            data-testid={`connect-${entry.name}`}
            onClick={() => (inputs.length > 0 ? ask() : connect())}
          >
            Connect
          </Button>
        )}
      </Stack>
    </Card>
  );
}
