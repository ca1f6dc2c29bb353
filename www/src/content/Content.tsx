import { Badge, Group, Paper, Stack, Text } from "@mantine/core";
import type { Json, JsonObject } from "footbridge";
import type { ReactNode } from "react";
import { isObject, list, text } from "../session/mcp";
import { CopyButton } from "./CopyButton";
import { JsonTree } from "./JsonTree";
import { LongText } from "./LongText";
import { Revealed } from "./Revealed";
import { SafeLink } from "./SafeLink";
import { base64Size, mediaUrl } from "./url";

/** A list of MCP content blocks. */
export function ContentList({ blocks }: { blocks: Json[] }) {
  return (
    <Stack gap="xs">
      {blocks.map((block, index) => (
        <ContentBlock key={index} block={block} />
      ))}
    </Stack>
  );
}

/** One MCP content block, by its kind; an unknown kind is shown as JSON. */
export function ContentBlock({ block }: { block: Json }) {
  if (!isObject(block)) return <Framed kind="unknown" copy={() => JSON.stringify(block)} body={<JsonTree value={block} />} />;
  const body = text(block["text"]);
  const data = text(block["data"]);
  const mimeType = text(block["mimeType"]) ?? "";
  switch (block["type"]) {
    case "text":
      return <Framed kind="text" copy={() => body ?? ""} body={<LongText text={body ?? ""} />} />;
    case "image":
    case "audio":
      return <Framed kind={block["type"]} detail={mimeType} copy={() => data ?? ""} body={<Media kind={block["type"]} mimeType={mimeType} data={data ?? ""} />} />;
    case "resource_link":
      return <Framed kind="resource link" detail={mimeType} copy={() => text(block["uri"]) ?? ""} body={<Linked block={block} />} />;
    case "resource":
      return isObject(block["resource"]) ? <ResourceContents contents={block["resource"]} /> : <Unknown block={block} />;
    default:
      return <Unknown block={block} />;
  }
}

/** The contents of one resource, as read or embedded: text, or bytes with a preview when they are a picture or a sound. */
export function ResourceContents({ contents }: { contents: JsonObject }) {
  const body = text(contents["text"]);
  const blob = text(contents["blob"]);
  const mimeType = text(contents["mimeType"]) ?? "";
  const uri = text(contents["uri"]) ?? "";
  const kind = mimeType.startsWith("image/") ? "image" : mimeType.startsWith("audio/") ? "audio" : null;
  return (
    <Framed
      kind="resource"
      detail={mimeType}
      copy={() => body ?? blob ?? ""}
      body={
        <Stack gap={4}>
          <SafeLink address={uri} />
          {body !== null && <LongText text={body} />}
          {body === null && blob !== null && (kind === null ? <Bytes blob={blob} /> : <Media kind={kind} mimeType={mimeType} data={blob} />)}
        </Stack>
      }
    />
  );
}

function Unknown({ block }: { block: JsonObject }) {
  return <Framed kind={text(block["type"]) ?? "unknown"} copy={() => JSON.stringify(block, null, 2)} body={<JsonTree value={block} />} />;
}

function Linked({ block }: { block: JsonObject }) {
  return (
    <Stack gap={2}>
      <Text size="sm" fw={500}>
        <Revealed text={text(block["title"]) ?? text(block["name"]) ?? ""} reading="exact" />
      </Text>
      <SafeLink address={text(block["uri"]) ?? ""} />
      <Text size="sm" c="dimmed">
        <Revealed text={text(block["description"]) ?? ""} />
      </Text>
    </Stack>
  );
}

function Media({ kind, mimeType, data }: { kind: "image" | "audio"; mimeType: string; data: string }) {
  const url = mediaUrl(kind, mimeType, data);
  if (url === null) return <Bytes blob={data} />;
  return kind === "image" ? <img className="fb-image" src={url} alt={`Sent by the server (${mimeType})`} /> : <audio controls src={url} />;
}

function Bytes({ blob }: { blob: string }) {
  return (
    <Stack gap={4}>
      <Text size="sm" c="dimmed">
        {base64Size(blob).toLocaleString()} bytes, shown as base64
      </Text>
      <LongText text={blob} />
    </Stack>
  );
}

function Framed({ kind, detail, copy, body }: { kind: string; detail?: string; copy: () => string; body: ReactNode }) {
  return (
    <Paper withBorder p="xs" className="fb-content">
      <Group justify="space-between" gap="xs" mb={4}>
        <Group gap={6}>
          <Badge size="xs" variant="light" color="gray" tt="none">
            <Revealed text={kind} reading="exact" />
          </Badge>
          {detail !== undefined && detail !== "" && (
            <Text size="xs" c="dimmed">
              <Revealed text={detail} reading="exact" />
            </Text>
          )}
        </Group>
        <CopyButton label={`Copy ${kind}`} text={copy} />
      </Group>
      {body}
    </Paper>
  );
}

/** A whole CallToolResult. */
export function ToolResult({ result }: { result: JsonObject }) {
  const structured = result["structuredContent"];
  const blocks = list(result["content"]);
  return (
    <Stack gap="xs">
      {structured !== undefined && (
        <Framed kind="structured" copy={() => JSON.stringify(structured, null, 2)} body={<JsonTree value={structured} open={3} />} />
      )}
      <ContentList blocks={blocks} />
      {structured === undefined && blocks.length === 0 && (
        <Text size="sm" c="dimmed">
          The result is empty.
        </Text>
      )}
    </Stack>
  );
}
