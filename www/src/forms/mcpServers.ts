// The `mcpServers` JSON that other MCP clients keep, read into server params.

import type { Json, JsonObject, ServerParams } from "footbridge";

export interface NamedParams {
  name: string;
  params: ServerParams;
}

export type ParsedServers = { ok: true; servers: NamedParams[] } | { ok: false; error: string };

/** Accepts `{"mcpServers": {…}}`, `{"servers": {…}}`, a bare map of servers, or one bare server. */
export function parseMcpServers(text: string): ParsedServers {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, error: `Not valid JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (!isObject(value)) return { ok: false, error: "Expected a JSON object." };
  const wrapped = value["mcpServers"] ?? value["servers"];
  if (wrapped !== undefined && !isObject(wrapped)) return { ok: false, error: "`mcpServers` must be an object." };
  const looksLikeOne = typeof value["command"] === "string" || typeof value["url"] === "string";
  const map = wrapped ?? (looksLikeOne ? { server: value } : value);
  const servers: NamedParams[] = [];
  for (const [name, entry] of Object.entries(map)) {
    const read = isObject(entry) ? readServer(entry) : "must be an object";
    if (typeof read === "string") return { ok: false, error: `Server "${name}": ${read}.` };
    servers.push({ name, params: read });
  }
  return servers.length === 0 ? { ok: false, error: "There is no server in it." } : { ok: true, servers };
}

function readServer(entry: JsonObject): ServerParams | string {
  const { command, url, cwd } = entry;
  const kind = typeof entry["type"] === "string" ? entry["type"].toLowerCase() : typeof entry["transport"] === "string" ? entry["transport"].toLowerCase() : "";
  if (typeof command === "string" && command !== "") {
    const args = entry["args"] ?? [];
    if (!Array.isArray(args) || !args.every((arg) => typeof arg === "string")) return "`args` must be a list of strings";
    const env = strings(entry["env"]);
    if (env === null) return "`env` must map names to strings";
    if (cwd !== undefined && typeof cwd !== "string") return "`cwd` must be a string";
    return { type: "StdioServerParams", command, args, ...(env && { env }), ...(cwd && { cwd }) };
  }
  if (typeof url === "string" && url !== "") {
    const headers = strings(entry["headers"]);
    if (headers === null) return "`headers` must map names to strings";
    const isSse = kind === "" ? /\/sse\/?$/.test(url) : kind.includes("sse");
    return { type: isSse ? "SseServerParams" : "StreamableHttpServerParams", url, ...(headers && { headers }) };
  }
  return "needs `command` or `url`";
}

function strings(value: Json | undefined): Record<string, string> | undefined | null {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) return null;
  const read: Record<string, string> = {};
  for (const [name, item] of Object.entries(value)) {
    if (typeof item !== "string") return null;
    read[name] = item;
  }
  return read;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
