// What the tools of a session were when the person first saw them: a server may change a tool that was trusted.
// Owns that memory for one session. A definition counts as changed when any of its values is another.

import type { Json, JsonObject } from "footbridge";
import type { Tool } from "./mcp";

export class ToolMemory {
  #seen: Map<string, JsonObject> | null = null;

  /** The tools, each with what it was; the first list of a session is what later ones are compared with. */
  compare(tools: Tool[]): Tool[] {
    if (this.#seen === null) {
      this.#seen = new Map(tools.map(({ name, raw }) => [name, raw]));
      return tools;
    }
    const seen = this.#seen;
    return tools.map((tool) => {
      const before = seen.get(tool.name);
      const was = before === undefined ? "new" : spelled(before) === spelled(tool.raw) ? null : before;
      return { ...tool, was };
    });
  }

  accept(tool: Tool): void {
    this.#seen?.set(tool.name, tool.raw);
  }
}

/** One spelling for each JSON value, whatever the order of its members. */
function spelled(value: Json | undefined): string {
  return JSON.stringify(value, (_key, item: Json) =>
    typeof item === "object" && item !== null && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}
