// Small preparations of a server's JSON Schema before a form is made of it.

import { getDefaultFormState } from "@rjsf/utils";
import type { RJSFSchema } from "@rjsf/utils";
import type { Json, JsonObject } from "footbridge";
import { validator } from "./validator";

/** Defaults fill what the schema says, and invent no empty objects or lists. */
const DEFAULTS = {
  emptyObjectFields: "skipEmptyDefaults",
  arrayMinItems: { populate: "requiredOnly" },
  constAsDefaults: "skipOneOf",
} as const;

/** The value a fresh form starts with: the schema's defaults. */
export function initialValue(schema: JsonObject): JsonObject {
  try {
    const value: Json | undefined = getDefaultFormState<Json, RJSFSchema>(validator as never, schema as RJSFSchema, {}, schema as RJSFSchema, "excludeObjectChildren", DEFAULTS);
    return withoutUndefined(isObject(value) ? value : {});
  } catch {
    // A schema the form library cannot read is still fine to fill in as JSON.
    return {};
  }
}

/** The schema as a form should show it. What is sent is still checked against the server's own. */
export function forForm(schema: JsonObject): JsonObject {
  const { enumNames, ...rest } = withoutNull(schema);
  const values = rest["enum"];
  const out: JsonObject = {};
  for (const [keyword, value] of Object.entries(rest)) {
    if (keyword === "enum" && Array.isArray(enumNames) && Array.isArray(values)) {
      // MCP elicitation names its choices beside the values; the form library knows titled alternatives.
      out["oneOf"] = values.map((item, index) => ({ const: item, title: String(enumNames[index] ?? item) }));
    } else if (MAPS.has(keyword) && isObject(value)) {
      out[keyword] = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, isObject(item) ? forForm(item) : item]));
    } else {
      out[keyword] = keyword === "items" && isObject(value) ? forForm(value) : value;
    }
  }
  return out;
}

const MAPS = new Set(["properties", "$defs", "definitions"]);

/** "This or null" becomes "this": a field left empty is not sent, which is what people mean by it. */
function withoutNull(schema: JsonObject): JsonObject {
  for (const keyword of ["anyOf", "oneOf"]) {
    const { [keyword]: alternatives, ...rest } = schema;
    if (!Array.isArray(alternatives)) continue;
    const others = alternatives.filter((item) => !(isObject(item) && item["type"] === "null"));
    const [only] = others;
    if (others.length < alternatives.length && others.length === 1 && isObject(only)) return { ...only, ...rest };
  }
  return schema;
}

/** Whether a form would have any field. */
export function hasFields(schema: JsonObject): boolean {
  const { properties, $ref, anyOf, oneOf, allOf, additionalProperties } = schema;
  return (
    (isObject(properties) && Object.keys(properties).length > 0) ||
    [$ref, anyOf, oneOf, allOf].some((keyword) => keyword !== undefined) ||
    additionalProperties === true ||
    isObject(additionalProperties)
  );
}

function withoutUndefined(value: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
