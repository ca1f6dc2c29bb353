// What is known about the session, as the panels see it. Values only; they are replaced, never changed.

import type { CatalogueEntry, CloseInfo, JsonObject } from "footbridge";
import type { FrameRow } from "./frames";
import type { Prompt, Resource, ResourceTemplate, Tool } from "./mcp";
import type { OwnTarget, Target } from "./target";

export type Phase = "idle" | "connecting" | "starting" | "ready" | "detached" | "closed";

export interface Listing<T> {
  status: "unknown" | "loading" | "loaded" | "failed";
  items: T[];
  /** Items the server sent that could not be read. */
  malformed: number;
  error: unknown;
  /** The server has said since that its list changed. */
  stale: boolean;
}

export interface Listings {
  tools: Listing<Tool>;
  resources: Listing<Resource>;
  templates: Listing<ResourceTemplate>;
  prompts: Listing<Prompt>;
}

export interface ServerFacts {
  name: string | null;
  title: string | null;
  version: string | null;
  websiteUrl: string | null;
  protocolVersion: string;
  transport: string;
  capabilities: JsonObject;
  instructions: string | null;
  sessionId: string;
}

export interface Noted {
  seq: number;
  time: number;
  method: string;
  params: JsonObject;
}

/** A question of the server that waits for a person. */
export interface Ask {
  seq: number;
  kind: "elicitation" | "sampling";
  params: JsonObject;
  answer: (result: JsonObject) => void;
  refuse: (reason: string) => void;
}

export interface Root {
  uri: string;
  name: string;
}

export interface Catalogue {
  status: "loading" | "loaded" | "failed";
  entries: CatalogueEntry[];
  error: unknown;
}

export interface View {
  phase: Phase;
  /** When the phase began, Unix ms. */
  since: number;
  target: Target | null;
  server: ServerFacts | null;
  /** Why the last attempt to connect failed. */
  failure: unknown;
  closed: CloseInfo | null;
  needsToken: boolean;
  /** An address brought another token than the one that works in this tab. */
  otherToken: boolean;
  /** What waits for the person's yes before it starts. */
  consent: OwnTarget | null;
  catalogue: Catalogue;
  listings: Listings;
  asks: Ask[];
  roots: Root[];
  frames: FrameRow[];
  framesDropped: number;
  notifications: Noted[];
  stderr: string[];
}
