// Arguments being filled in: a form and its JSON, kept in step.
// The text is what a person typed and is never rewritten under their hands.

import type { Json, JsonObject } from "footbridge";

export interface Draft {
  value: JsonObject;
  text: string;
  /** Why the text is not a JSON object, when it is not. */
  problem: string | null;
}

export function draftOf(value: JsonObject): Draft {
  return { value, text: JSON.stringify(value, null, 2), problem: null };
}

/** The draft after its text was edited; the last good value stays while the text is broken. */
export function withText(draft: Draft, text: string): Draft {
  let value: Json;
  try {
    value = text.trim() === "" ? {} : (JSON.parse(text) as Json);
  } catch (error) {
    return { ...draft, text, problem: error instanceof Error ? error.message : String(error) };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ...draft, text, problem: "Expected a JSON object." };
  }
  return { value, text, problem: null };
}
