// Which fields of a form look like they ask for a secret. MCP forbids servers to do so in a form; not all obey.

import type { Json, JsonObject } from "footbridge";

const SECRET =
  /pass[-_ ]?(word|phrase|code|wd)|\bpwd\b|\bpin\b|secret|credential|token|api[-_ ]?key|(private|access|secret|recovery|seed)[-_ ]?(key|phrase|words)|mnemonic|(credit|debit|bank)?[-_ ]?card[-_ ]?(number|no\b)|credit[-_ ]?card|\bcv[vc]2?\b|\biban\b|social[-_ ]?security|\bssn\b|one[-_ ]?time[-_ ]?(code|password)|\botp\b|\b2fa\b/i;

/** How deep forms go. */
const DEEPEST = 8;

/** The fields, by title or name, whose words or format are those of a secret. */
export function secretFields(schema: JsonObject): string[] {
  const found = new Set<string>();
  search(schema, DEEPEST, found);
  return [...found];
}

function search(value: Json | undefined, depth: number, found: Set<string>): void {
  if (depth === 0 || typeof value !== "object" || value === null) return;
  for (const [keyword, inner] of Object.entries(value)) {
    if (keyword === "properties" && isObject(inner)) {
      for (const [name, field] of Object.entries(inner)) if (isObject(field) && isSecret(name, field)) found.add(typeof field["title"] === "string" ? field["title"] : name);
    }
    search(inner, depth - 1, found);
  }
}

function isSecret(name: string, field: JsonObject): boolean {
  // Names are written together (apiKey) and their parts apart (API key).
  const words = [name, name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, " "), field["title"], field["description"]].filter((text) => typeof text === "string");
  return field["format"] === "password" || field["writeOnly"] === true || words.some((text) => SECRET.test(text.normalize("NFKC")));
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
