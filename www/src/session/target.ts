// What a session connects to: a server of the catalogue, or params of the user's own.

import type { ServerParams } from "footbridge";
import { quoteArgv } from "../forms/argv";

export type OwnTarget = { kind: "own"; params: ServerParams; label: string };
export type CatalogueTarget = { kind: "catalogue"; server: string; label: string; inputs?: Record<string, string> };
export type Target = CatalogueTarget | OwnTarget;

export function ownTarget(params: ServerParams, name?: string): OwnTarget {
  return { kind: "own", params, label: name ?? defaultLabel(params) };
}

function defaultLabel(params: ServerParams): string {
  if (params.type === "StdioServerParams") return params.command.split("/").at(-1) ?? params.command;
  try {
    return new URL(params.url).host;
  } catch {
    return params.url;
  }
}

/** What will run or be reached, for people to check. Values of inputs, variables and headers are not part of it. */
export function describeTarget(target: Target): string {
  if (target.kind === "catalogue") return `${target.server} (from the bridge's catalogue)`;
  const { params } = target;
  return params.type === "StdioServerParams" ? quoteArgv([params.command, ...(params.args ?? [])]) : params.url;
}
