// What a server of the catalogue asks for before it starts, and which answers the bridge would take.

import type { CatalogueInput, Json } from "footbridge";
import { isObject } from "../session/mcp";

/** What has been filled in, by the input's name. Secrets included: it lives in memory only. */
export type InputValues = Record<string, string>;

/** The defaults that may be seen; a secret one is the bridge's own and applies when the field stays empty. */
export function initialInputs(inputs: CatalogueInput[]): InputValues {
  return Object.fromEntries(inputs.map(({ name, default: shown }) => [name, shown ?? ""]));
}

/** What is wrong with a value, as a sentence; null when the bridge would take it, or only the bridge can tell. */
export function complaintAbout(input: CatalogueInput, value: string): string | null {
  if (value === "") return input.required ? "This is needed." : null;
  if (input.options !== undefined) return input.options.includes(value) ? null : "Choose one of the options.";
  if (input.pattern === undefined) return null;
  const pattern = wholePattern(input.pattern);
  return pattern === null || MEANS_MORE_THERE.test(value) || pattern.test(value) ? null : `This must match ${input.pattern}`;
}

/** The values that were given; an empty field is none. */
export function givenInputs(inputs: CatalogueInput[], values: InputValues): InputValues {
  const given = inputs.map(({ name }) => [name, values[name] ?? ""] as const).filter(([, value]) => value !== "");
  return Object.fromEntries(given);
}

const FIELD = "server_params.inputs.";

/** What the bridge said of a value, by the input's name; null when a failure is about something else. */
export function refusalIn(failure: { message: string; data?: Json } | null): { name: string; complaint: string } | null {
  const field = isObject(failure?.data) ? failure.data["field"] : undefined;
  if (failure === null || typeof field !== "string" || !field.startsWith(FIELD)) return null;
  const { message } = failure;
  return { name: field.slice(FIELD.length), complaint: message.startsWith(`${field} `) ? `This ${message.slice(field.length + 1)}` : message };
}

/** Of these the bridge's `\d` and `\w` know more than JavaScript's. */
const MEANS_MORE_THERE = /[^ -~]/;

/** Means something else in JavaScript: the bridge can cut and subtract classes of characters. */
const SETS = /&&|--|~~/;

/** The pattern over the whole value; null when it uses what JavaScript's syntax does not have. */
function wholePattern(pattern: string): RegExp | null {
  if (SETS.test(pattern)) return null;
  try {
    return new RegExp(`^(?:${pattern})$`, "u");
  } catch {
    return null;
  }
}
