import { ActionIcon, Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { CopyButton } from "../content/CopyButton";
import { Icon } from "../content/Icon";
import { JsonTree } from "../content/JsonTree";
import { Revealed } from "../content/Revealed";
import { SafeLink } from "../content/SafeLink";
import { describeTarget } from "../session/target";
import { useSession, useView } from "../session/useSession";

/** Who the server says it is, what it can do, and which roots it may see. */
export function ServerInfo() {
  const server = useView((view) => view.server);
  const target = useView((view) => view.target);
  if (server === null || target === null) return null;
  const facts: [string, string][] = [
    ["Server", [server.title ?? server.name, server.version].filter((part) => part !== null).join(" ") || "It does not say."],
    ["Protocol", server.protocolVersion],
    ["Transport", server.transport],
    ["Reached by", describeTarget(target)],
    ["Session", server.sessionId],
  ];
  return (
    <div className="fb-panel fb-scroll fb-pad">
      <Stack gap="lg">
        <dl className="fb-facts">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="fb-break">
                <Revealed text={value} reading="exact" />
              </dd>
            </div>
          ))}
          {server.websiteUrl !== null && (
            <div>
              <dt>Website</dt>
              <dd className="fb-break">
                <SafeLink address={server.websiteUrl} />
              </dd>
            </div>
          )}
        </dl>
        {server.instructions !== null && (
          <section>
            <Title order={3} size="h6">
              Instructions
            </Title>
            <Text size="sm" className="fb-prose">
              <Revealed text={server.instructions} />
            </Text>
          </section>
        )}
        <section>
          <Group gap="xs">
            <Title order={3} size="h6">
              Capabilities
            </Title>
            <CopyButton label="Copy capabilities" text={() => JSON.stringify(server.capabilities, null, 2)} />
          </Group>
          <JsonTree value={server.capabilities} open={3} />
        </section>
        <Roots />
      </Stack>
    </div>
  );
}

/** The roots told to the server when it asks. */
function Roots() {
  const session = useSession();
  const roots = useView((view) => view.roots);
  return (
    <section aria-labelledby="roots-title">
      <Title order={3} size="h6" id="roots-title">
        Roots
      </Title>
      <Text size="sm" c="dimmed" mb="xs">
        What the server is told when it asks which folders it may work in.
      </Text>
      <Stack gap="xs">
        {roots.map((root, index) => {
          const replace = (patch: Partial<typeof root>): void => session.setRoots(roots.map((other, i) => (i === index ? { ...other, ...patch } : other)));
          return (
            <Group key={index} gap="xs" wrap="nowrap">
              <TextInput className="fb-grow" size="sm" aria-label={`Root ${index + 1} URI`} placeholder="file:///home/me/project" value={root.uri} onChange={(event) => replace({ uri: event.currentTarget.value })} />
              <TextInput size="sm" aria-label={`Root ${index + 1} name`} placeholder="name" value={root.name} onChange={(event) => replace({ name: event.currentTarget.value })} />
              <ActionIcon variant="subtle" color="gray" aria-label={`Remove root ${index + 1}`} onClick={() => session.setRoots(roots.filter((_, i) => i !== index))}>
                <Icon name="trash" />
              </ActionIcon>
            </Group>
          );
        })}
        <div>
          <Button variant="default" size="compact-sm" leftSection={<Icon name="plus" size={12} />} onClick={() => session.setRoots([...roots, { uri: "file:///", name: "" }])}>
            Add root
          </Button>
        </div>
      </Stack>
    </section>
  );
}
