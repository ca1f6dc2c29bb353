/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json | undefined };
export type JsonObject = { [member: string]: Json | undefined };

export interface StdioServerParams {
  type: "StdioServerParams";
  command: string;
  args?: string[];
  env?: Record<string, string>;
  cwd?: string;
  encoding?: "utf-8";
  encoding_error_handler?: "strict" | "ignore" | "replace";
}
export interface SseServerParams {
  type: "SseServerParams";
  url: string;
  headers?: Record<string, string>;
  timeout?: number;
  sse_read_timeout?: number;
}
export interface StreamableHttpServerParams {
  type: "StreamableHttpServerParams";
  url: string;
  headers?: Record<string, string>;
  timeout?: number;
  sse_read_timeout?: number;
  terminate_on_close?: boolean;
}
export type ServerParams = StdioServerParams | SseServerParams | StreamableHttpServerParams;

/** What every call to the bridge needs. */
export interface BridgeOptions {
  /** The bridge: its origin (`http://127.0.0.1:8000`) or its API prefix (`/api/mcp`, `https://x/api/mcp`). Default: `/api/mcp` of the page's own origin. */
  url?: string;
  /** The bridge's token. */
  token?: string;
  signal?: AbortSignal;
}

export interface ConnectOptions extends BridgeOptions {
  /** A server of the bridge's catalogue. Exactly one of `server` and `params`. */
  server?: string;
  inputs?: Record<string, string>;
  /** Where the MCP server is. */
  params?: ServerParams;
  /** MCP client capabilities to declare; default: derived from `handlers`. */
  capabilities?: JsonObject;
  clientInfo?: { name: string; version: string; title?: string };
  /** Answers to what the server asks, by method: "elicitation/create", "sampling/createMessage", "roots/list". */
  handlers?: Record<string, RequestHandler>;
  /** Called from the first moment, before `connect` resolves: state changes and stderr while an `npx` downloads. */
  onState?: (state: SessionState) => void;
  onStderr?: (line: string) => void;
  onFrame?: (frame: FrameEvent) => void;
  /** How long to wait until the server is ready, in ms. Default 90 000. */
  timeout?: number;
}

export type SessionState = "connecting" | "starting" | "ready" | "closed";
export type RequestHandler = (params: JsonObject, context: { method: string; signal: AbortSignal }) => Json | Promise<Json>;

export interface RequestOptions {
  signal?: AbortSignal;
  /** ms without an answer or progress. Default: none. */
  timeout?: number;
  onProgress?: (progress: { progress: number; total?: number; message?: string }) => void;
}

export interface FrameEvent { direction: "in" | "out"; text: string; time: number }
export interface CloseInfo { code: number; reason: string; error?: FootbridgeError }

export interface SessionEvents {
  state: SessionState;
  notification: { method: string; params: JsonObject };
  stderr: string;
  frame: FrameEvent;
  close: CloseInfo;
}

export declare class Session {
  readonly id: string;
  readonly state: SessionState;
  readonly capabilities: JsonObject;
  readonly serverInfo: { name: string; version: string; title?: string } | null;
  readonly protocolVersion: string;
  readonly instructions: string | null;
  readonly transport: "stdio" | "sse" | "http";
  /** Sends a request and waits for its result. Rejects with a FootbridgeError (`side: "server"` when the MCP server answered with an error). */
  request(method: string, params?: JsonObject, options?: RequestOptions): Promise<JsonObject>;
  notify(method: string, params?: JsonObject): void;
  /** Answers a kind of server request; `null` removes the handler. */
  onRequest(method: string, handler: RequestHandler | null): void;
  /** Listens; returns a function that stops listening. */
  on<K extends keyof SessionEvents>(event: K, listener: (value: SessionEvents[K]) => void): () => void;
  status(options?: { signal?: AbortSignal }): Promise<SessionStatus>;
  /** Ends the session and its MCP server. */
  close(): Promise<void>;
}

export interface SessionStatus {
  status: boolean;
  message: string;
  session_id: string;
  connected?: boolean;
  capabilities?: JsonObject | null;
  created_at?: string;
  last_activity?: string;
  [more: string]: Json | undefined;
}

export interface CatalogueEntry { name: string; title?: string; description?: string; transport: "stdio" | "sse" | "http" }

export declare function connect(options: ConnectOptions): Promise<Session>;
export declare function status(options: BridgeOptions & { sessionId: string }): Promise<SessionStatus>;
export declare function servers(options?: BridgeOptions): Promise<CatalogueEntry[]>;

/** Loads the WebAssembly from somewhere else: a URL, a Response, bytes or a compiled module. Optional, before the first call. */
export declare function load(source?: string | URL | Response | BufferSource | WebAssembly.Module): Promise<void>;

export declare class FootbridgeError extends Error {
  /** Stable: "unauthorized", "params_denied", "upstream_exited", "timeout", "aborted", "socket_closed", ... or for an MCP server's error "server_error". */
  readonly code: string;
  /** Whose doing it was. */
  readonly side: "browser" | "bridge" | "upstream" | "server";
  /** JSON-RPC code, when there is one. */
  readonly rpcCode?: number;
  readonly hint?: string;
  /** HTTP status, when a route refused. */
  readonly status?: number;
  readonly data?: Json;
}
