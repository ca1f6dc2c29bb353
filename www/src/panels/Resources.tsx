import { Badge, Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useState } from "react";
import { ResourceContents } from "../content/Content";
import { Revealed } from "../content/Revealed";
import { expandTemplate, isObject, list, templateVariables } from "../session/mcp";
import type { Resource, ResourceTemplate } from "../session/mcp";
import { useSession, useView } from "../session/useSession";
import { BackButton } from "./BackButton";
import { CallStatus } from "./CallStatus";
import { ListFrame, matches } from "./ListFrame";
import { useCalls } from "./useCall";

type Chosen = { kind: "resource"; resource: Resource } | { kind: "template"; template: ResourceTemplate };

/** The server's resources and templates; one of them read. */
export function Resources() {
  const session = useSession();
  const resources = useView((view) => view.listings.resources);
  const templates = useView((view) => view.listings.templates);
  const [search, setSearch] = useState("");
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const calls = useCalls();
  const foundResources = resources.items.filter((item) => matches(search, item.name, item.uri, item.description));
  const foundTemplates = templates.items.filter((item) => matches(search, item.name, item.uriTemplate, item.description));
  const read = (uri: string): void => void calls.start(uri, "resources/read", { uri });
  const refresh = (): void => {
    void session.refresh("resources");
    void session.refresh("templates");
  };
  return (
    <div className="fb-split" data-chosen={chosen !== null}>
      <ListFrame noun="resource" listing={resources} search={search} onSearch={setSearch} onRefresh={refresh} found={foundResources.length + foundTemplates.length}>
        <div className="fb-scroll">
          <ul className="fb-list">
            {foundResources.map((resource) => (
              <li key={resource.uri}>
                <button
                  type="button"
                  className="fb-item"
                  aria-current={chosen?.kind === "resource" && chosen.resource.uri === resource.uri}
                  data-testid={`resource-${resource.uri}`}
                  onClick={() => {
                    setChosen({ kind: "resource", resource });
                    if (calls.of(resource.uri) === null) read(resource.uri);
                  }}
                >
                  <Text size="sm" fw={550} truncate>
                    <Revealed text={resource.name} reading="exact" />
                  </Text>
                  <Text size="xs" c="dimmed" truncate className="fb-mono">
                    <Revealed text={resource.uri} reading="exact" />
                  </Text>
                </button>
              </li>
            ))}
          </ul>
          {foundTemplates.length > 0 && <Text className="fb-list-title">Templates</Text>}
          <ul className="fb-list">
            {foundTemplates.map((template) => (
              <li key={template.uriTemplate}>
                <button
                  type="button"
                  className="fb-item"
                  aria-current={chosen?.kind === "template" && chosen.template.uriTemplate === template.uriTemplate}
                  data-testid={`template-${template.name}`}
                  onClick={() => setChosen({ kind: "template", template })}
                >
                  <Text size="sm" fw={550} truncate>
                    <Revealed text={template.name} reading="exact" />
                  </Text>
                  <Text size="xs" c="dimmed" truncate className="fb-mono">
                    <Revealed text={template.uriTemplate} reading="exact" />
                  </Text>
                </button>
              </li>
            ))}
          </ul>
        </div>
      </ListFrame>
      <div className="fb-detail">
        {chosen === null ? (
          <Text className="fb-empty">Choose a resource to read it.</Text>
        ) : (
          <>
            <BackButton label="All resources" onClick={() => setChosen(null)} />
            <Reader key={chosen.kind === "resource" ? chosen.resource.uri : chosen.template.uriTemplate} chosen={chosen} calls={calls} onRead={read} />
          </>
        )}
      </div>
    </div>
  );
}

function Reader({ chosen, calls, onRead }: { chosen: Chosen; calls: ReturnType<typeof useCalls>; onRead: (uri: string) => void }) {
  const isReady = useView((view) => view.phase === "ready");
  const [values, setValues] = useState<Record<string, string>>({});
  const item = chosen.kind === "resource" ? chosen.resource : chosen.template;
  const uri = chosen.kind === "resource" ? chosen.resource.uri : expandTemplate(chosen.template.uriTemplate, values);
  const call = calls.of(uri);
  return (
    <Stack gap="sm">
      <div>
        <Group gap="xs">
          <Title order={3} size="h5" className="fb-break">
            <Revealed text={item.name} reading="exact" />
          </Title>
          {item.mimeType !== null && (
            <Badge variant="default" size="sm" tt="none">
              {item.mimeType}
            </Badge>
          )}
        </Group>
        <Text size="sm" c="dimmed" className="fb-prose">
          <Revealed text={item.description ?? ""} />
        </Text>
      </div>
      {chosen.kind === "template" &&
        templateVariables(chosen.template.uriTemplate).map((name) => (
          <TextInput key={name} label={name} value={values[name] ?? ""} onChange={(event) => setValues({ ...values, [name]: event.currentTarget.value })} />
        ))}
      <Text size="sm" className="fb-mono fb-break">
        <Revealed text={uri} reading="exact" />
      </Text>
      <div>
        <Button size="sm" disabled={!isReady || call?.status === "running"} onClick={() => onRead(uri)} data-testid="read-resource">
          {call === null ? "Read" : "Read again"}
        </Button>
      </div>
      {call !== null && (
        <CallStatus call={call} kind="resource" onCancel={() => calls.cancel(uri)}>
          {(result) => list(result["contents"]).map((contents, index) => isObject(contents) && <ResourceContents key={index} contents={contents} />)}
        </CallStatus>
      )}
    </Stack>
  );
}
