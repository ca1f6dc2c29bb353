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

/** Turns the `enumNames` of MCP elicitation into titled alternatives, which the form library knows. */
export function withTitledEnums(schema: JsonObject): JsonObject {
  const { enumNames, ...rest } = schema;
  const values = rest["enum"];
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(rest)) {
    if (Array.isArray(enumNames) && Array.isArray(values) && key === "enum") {
      out["oneOf"] = values.map((item, index) => ({ const: item, title: String(enumNames[index] ?? item) }));
    } else if ((key === "properties" || key === "$defs" || key === "definitions") && isObject(value)) {
      out[key] = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, isObject(item) ? withTitledEnums(item) : item]));
    } else {
      out[key] = key === "items" && isObject(value) ? withTitledEnums(value) : value;
    }
  }
  return out;
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
