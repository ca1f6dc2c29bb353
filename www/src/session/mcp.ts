// The MCP values this page shows, read from whatever a server sent.
// A malformed item becomes null, so that one bad entry does not hide the good ones.

import type { Json, JsonObject } from "footbridge";

export interface ToolHints {
  readOnly?: boolean;
  destructive?: boolean;
  idempotent?: boolean;
  openWorld?: boolean;
}

export interface Tool {
  name: string;
  title: string | null;
  description: string | null;
  inputSchema: JsonObject;
  hints: ToolHints;
  raw: JsonObject;
  /** The definition the person has seen, where the server has changed it since, or `"new"`. */
  was: JsonObject | "new" | null;
}

export interface Resource {
  uri: string;
  name: string;
  description: string | null;
  mimeType: string | null;
  size: number | null;
}

export interface ResourceTemplate {
  uriTemplate: string;
  name: string;
  description: string | null;
  mimeType: string | null;
}

export interface PromptArgument {
  name: string;
  description: string | null;
  required: boolean;
}

export interface Prompt {
  name: string;
  title: string | null;
  description: string | null;
  arguments: PromptArgument[];
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function text(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}

export function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function flag(value: Json | undefined): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

export function readTool(value: Json): Tool | null {
  if (!isObject(value) || typeof value["name"] !== "string") return null;
  const annotations = isObject(value["annotations"]) ? value["annotations"] : {};
  return {
    name: value["name"],
    title: text(value["title"]) ?? text(annotations["title"]),
    description: text(value["description"]),
    inputSchema: isObject(value["inputSchema"]) ? value["inputSchema"] : { type: "object" },
    hints: {
      readOnly: flag(annotations["readOnlyHint"]),
      destructive: flag(annotations["destructiveHint"]),
      idempotent: flag(annotations["idempotentHint"]),
      openWorld: flag(annotations["openWorldHint"]),
    },
    raw: value,
    was: null,
  };
}

export function readResource(value: Json): Resource | null {
  if (!isObject(value) || typeof value["uri"] !== "string") return null;
  return {
    uri: value["uri"],
    name: text(value["title"]) ?? text(value["name"]) ?? value["uri"],
    description: text(value["description"]),
    mimeType: text(value["mimeType"]),
    size: typeof value["size"] === "number" ? value["size"] : null,
  };
}

export function readTemplate(value: Json): ResourceTemplate | null {
  if (!isObject(value) || typeof value["uriTemplate"] !== "string") return null;
  return {
    uriTemplate: value["uriTemplate"],
    name: text(value["title"]) ?? text(value["name"]) ?? value["uriTemplate"],
    description: text(value["description"]),
    mimeType: text(value["mimeType"]),
  };
}

export function readPrompt(value: Json): Prompt | null {
  if (!isObject(value) || typeof value["name"] !== "string") return null;
  return {
    name: value["name"],
    title: text(value["title"]),
    description: text(value["description"]),
    arguments: list(value["arguments"]).flatMap((item) =>
      isObject(item) && typeof item["name"] === "string"
        ? [{ name: item["name"], description: text(item["description"]), required: item["required"] === true }]
        : [],
    ),
  };
}

/** The names of the variables of a URI template (RFC 6570), in order, once each. */
export function templateVariables(template: string): string[] {
  const names = new Set<string>();
  for (const match of template.matchAll(/\{[+#./;?&]?([^}]+)\}/g)) {
    for (const part of (match[1] ?? "").split(",")) names.add(part.replace(/(\*|:\d+)$/, ""));
  }
  return [...names];
}

/** Fills a URI template with plain values. Reserved characters stay only where the template says so (`+`, `#`). */
export function expandTemplate(template: string, values: Record<string, string>): string {
  return template.replace(/\{([+#./;?&]?)([^}]+)\}/g, (_whole, operator: string, names: string) => {
    const encode = operator === "+" || operator === "#" ? encodeURI : encodeURIComponent;
    const parts = names
      .split(",")
      .map((name) => name.replace(/(\*|:\d+)$/, ""))
      .filter((name) => (values[name] ?? "") !== "")
      .map((name) => {
        const value = encode(values[name] ?? "");
        return operator === ";" || operator === "?" || operator === "&" ? `${name}=${value}` : value;
      });
    if (parts.length === 0) return "";
    const separator = operator === "?" || operator === "&" ? "&" : operator === "" || operator === "+" || operator === "#" ? "," : operator;
    return (operator === "+" ? "" : operator) + parts.join(separator);
  });
}
