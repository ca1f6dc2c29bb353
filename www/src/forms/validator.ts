// JSON Schema validation without generated code, which the page's policy forbids.
// One validator for the schema forms and for JSON typed by hand.

import { Validator } from "@cfworker/json-schema";
import type { OutputUnit, Schema } from "@cfworker/json-schema";
import { toErrorSchema } from "@rjsf/utils";
import type { RJSFSchema, RJSFValidationError, ValidationData, ValidatorType } from "@rjsf/utils";
import type { Json, JsonObject } from "footbridge";

export type FormValue = JsonObject;

export interface Complaint {
  /** Names and indices from the root to the value. */
  path: string[];
  message: string;
}

/** Keywords that only repeat what an inner complaint says already. */
const WRAPPERS = new Set(["properties", "additionalProperties", "patternProperties", "items", "prefixItems", "allOf", "$ref", "if", "then", "else", "dependentSchemas", "false"]);

/** What a schema has against a value; nothing when it is valid. A schema that cannot be read has nothing against anything. */
export function complaints(schema: JsonObject, value: Json | undefined): Complaint[] {
  let units: OutputUnit[];
  try {
    units = new Validator(schema as Schema, "2020-12", false).validate(plain(value)).errors;
  } catch {
    return [];
  }
  const inner = units.filter((unit) => !WRAPPERS.has(unit.keyword));
  return (inner.length > 0 ? inner : units).map(read);
}

/** For the form library. */
export const validator: ValidatorType<FormValue, RJSFSchema> = {
  validateFormData(formData, schema): ValidationData<FormValue> {
    const errors = complaints(schema as JsonObject, formData).map(toFormError);
    return { errors, errorSchema: toErrorSchema<FormValue>(errors) };
  },
  isValid(schema, formData, rootSchema) {
    try {
      const whole = {
        ...schema,
        ...(rootSchema.$defs !== undefined && { $defs: { ...rootSchema.$defs, ...schema.$defs } }),
        ...(rootSchema.definitions !== undefined && { definitions: { ...rootSchema.definitions, ...schema.definitions } }),
      };
      return new Validator(whole as Schema, "2020-12").validate(plain(formData)).valid;
    } catch {
      return false;
    }
  },
  rawValidation(schema, formData) {
    return { errors: complaints(schema as JsonObject, formData) as never[] };
  },
};

/** Without members that are undefined, which JSON does not have. */
function plain(value: Json | undefined): Json {
  return value === undefined ? {} : (JSON.parse(JSON.stringify(value)) as Json);
}

function read(unit: OutputUnit): Complaint {
  const path = unit.instanceLocation
    .split("/")
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
  if (unit.keyword === "required") {
    const missing = /required property "(.*)"\.$/s.exec(unit.error)?.[1];
    if (missing !== undefined) return { path: [...path, missing], message: "is required" };
  }
  return { path, message: unit.error.replace(/^Instance /, "").replace(/\.$/, "") };
}

function toFormError({ path, message }: Complaint): RJSFValidationError {
  return { property: path.map((part) => `['${part.replaceAll("'", "\\'")}']`).join(""), message, stack: `${path.join(".")} ${message}`.trim() };
}
