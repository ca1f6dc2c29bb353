/**
 * A hook for React 18 and newer.
 * @module
 */
import type {
  CallToolResult,
  ConnectOptions,
  FootbridgeError,
  GetPromptResult,
  JsonObject,
  MethodOptions,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Session,
  Tool,
} from "./index.js";

/**
 * What `useMcp` needs: the options of `connect`. Where any of them but the functions changes, the session is
 * another one; of functions the latest are called.
 */
export interface UseMcpOptions extends Omit<ConnectOptions, "signal"> {
  /** Whether there is to be a session now. Default: `true`. */
  enabled?: boolean;
  /** Whether a lost session is connected anew, up to five times in a row, waiting longer each time. Default: `true`. */
  reconnect?: boolean;
}

/**
 * `idle`: there is to be none, or it was ended here. `connecting`, `starting`: as of a session. `loading`: it is open, the lists are on
 * their way. `ready`. `reconnecting`: it was lost, and is tried again; while `session` is there, it is the same one that comes back. `failed`: look at `error`. `closed`: the other side ended it in order.
 */
export type UseMcpState =
  | "idle"
  | "connecting"
  | "starting"
  | "loading"
  | "ready"
  | "reconnecting"
  | "failed"
  | "closed";

/** What `useMcp` gives. */
export interface UseMcpResult {
  /** How the session is. */
  state: UseMcpState;
  /** The session, from `loading` on. */
  session: Session | null;
  /** Why it failed, or is tried again. */
  error: FootbridgeError | null;
  /** How many times in a row it has been tried again. */
  attempt: number;
  /** All tools, at most 10 000; kept up to date. Empty until they are known. */
  tools: Tool[];
  /** All resources, at most 10 000; kept up to date. */
  resources: Resource[];
  /** All resource templates, at most 10 000; kept up to date. */
  resourceTemplates: ResourceTemplate[];
  /** All prompts, at most 10 000; kept up to date. */
  prompts: Prompt[];
  /** As of a session; rejects while there is none. */
  callTool: (name: string, args?: JsonObject, options?: MethodOptions) => Promise<CallToolResult>;
  /** As of a session; rejects while there is none. */
  readResource: (uri: string, options?: MethodOptions) => Promise<ReadResourceResult>;
  /** As of a session; rejects while there is none. */
  getPrompt: (name: string, args?: Record<string, string>, options?: MethodOptions) => Promise<GetPromptResult>;
  /** Ends the session, if there is one, and opens another. */
  reconnect: () => void;
  /** Ends the session. `reconnect` opens another. */
  disconnect: () => void;
}

/** Holds a session with an MCP server while the component is there, and ends it when it is gone. */
export declare function useMcp(options: UseMcpOptions): UseMcpResult;
