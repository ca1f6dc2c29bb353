/**
 * A client for MCP servers behind a Footbridge.
 * @module
 */
import type {
  ClientCapabilities,
  Implementation,
  Json,
  JsonObject,
  Progress,
  ServerCapabilities,
  ServerRequests,
} from "./mcp.js";
import { Methods } from "./methods.js";

export type * from "./mcp.js";
export type {
  Events,
  MethodOptions,
  Methods,
  PageOptions,
  SessionEventMap,
  Task,
  TaskOptions,
} from "./methods.js";

/** An MCP server that is a program on the bridge's machine, spoken to over its standard input and output. */
export interface StdioServerParams {
  /** The kind of server params. */
  type: "StdioServerParams";
  /** The program. No shell reads it. */
  command: string;
  /** Its arguments, each as it is. */
  args?: string[];
  /** Added to the few variables that the bridge passes on. */
  env?: Record<string, string>;
  /** The directory to start it in. */
  cwd?: string;
  /** The only one there is. */
  encoding?: "utf-8";
  /** What becomes of bytes that are not UTF-8. Default: `"strict"`. */
  encoding_error_handler?: "strict" | "ignore" | "replace";
}
/** An MCP server reached over HTTP with server-sent events, the transport of 2024. */
export interface SseServerParams {
  /** The kind of server params. */
  type: "SseServerParams";
  /** The URL of its event stream. */
  url: string;
  /** Sent with every request: credentials, for example. */
  headers?: Record<string, string>;
  /** Seconds to connect and to post; never how long a tool may run. Default: 5. */
  timeout?: number;
  /** Seconds that the event stream may stay silent. Default: 300. */
  sse_read_timeout?: number;
}
/** An MCP server reached over Streamable HTTP. */
export interface StreamableHttpServerParams {
  /** The kind of server params. */
  type: "StreamableHttpServerParams";
  /** The URL of its endpoint. */
  url: string;
  /** Sent with every request: credentials, for example. */
  headers?: Record<string, string>;
  /** Seconds to connect and to post; never how long a tool may run. Default: 30. */
  timeout?: number;
  /** Seconds that an event stream may stay silent. Default: 300. */
  sse_read_timeout?: number;
  /** Whether the MCP server is told when the session ends. Default: `true`. */
  terminate_on_close?: boolean;
}
/** Where an MCP server is, and how it is reached. */
export type ServerParams = StdioServerParams | SseServerParams | StreamableHttpServerParams;

/** What every call to the bridge needs. */
export interface BridgeOptions {
  /**
   * The bridge: its origin (`http://127.0.0.1:8000`) or its API prefix (`/api/mcp`, `https://x/api/mcp`).
   * Default: `/api/mcp` of the page's own origin. Without a page, as in Node, it must be written in full.
   */
  url?: string;
  /** The bridge's token, as it printed it. */
  token?: string;
  /** Gives the call up; it then rejects with the code `"aborted"`. */
  signal?: AbortSignal;
}

/** What `connect` needs: exactly one of `server` and `params`. */
export interface ConnectOptions extends BridgeOptions {
  /** The name of a server of the bridge's catalogue. */
  server?: string;
  /** Values for what that catalogue entry asks for, as `servers` lists it. Only with `server`. */
  inputs?: Record<string, string>;
  /** Where the MCP server is. */
  params?: ServerParams;
  /** MCP client capabilities to declare. Default: derived from `handlers`, and none without handlers. */
  capabilities?: ClientCapabilities;
  /** How to introduce this program to the MCP server. Default: as the bridge. */
  clientInfo?: Implementation;
  /** Answers to what the server asks, by method: `"elicitation/create"`, `"sampling/createMessage"`, `"roots/list"`. */
  handlers?: Handlers;
  /**
   * Whether the session outlives a lost socket. Default: `true`; `false` ends it with its first socket.
   * With a `key`, the next page of this tab that connects with the same key takes the session up again, such as after
   * a reload; a session that is out of reach is replaced by a new one, and `resumed` tells which it is.
   */
  resume?:
    | boolean
    | {
        /** Tells this session from the other ones of the tab. */
        key: string;
      };
  /** Called at each change of state, from the first moment on. */
  onState?: (state: SessionState, info: StateInfo) => void;
  /** Called with each line of the server process's standard error, such as the progress of an `npx` that downloads. */
  onStderr?: (line: string) => void;
  /** Called with each frame on the socket, in both directions. */
  onFrame?: (frame: FrameEvent) => void;
  /** How long to wait until the server is ready, in ms. Default: 90 000. */
  timeout?: number;
}

/**
 * `connecting`: the bridge is asked for a session. `starting`: the MCP server is being started or greeted.
 * `ready`: it answers. `detached`: the socket is lost and the session is not; another socket is tried, and requests wait.
 * `closed`: the session is over, for good.
 */
export type SessionState = "connecting" | "starting" | "ready" | "detached" | "closed";
/** Why a session is in its state. */
export interface StateInfo {
  /**
   * When it is `detached`: `"socket_lost"`, `"silent"` (the bridge did not answer) or `"offline"`.
   * When it is `closed`: `"closed"`, or the code of the error that ended it.
   */
  reason?: string;
}

/**
 * Answers a request of the MCP server with its result, an object.
 * What it throws becomes a JSON-RPC error: -32603 with the message, or the error's own integer `rpcCode`.
 * `signal` fires when the server, or the end of the session, withdraws the request; the answer is then dropped.
 */
export type RequestHandler = Handler<JsonObject, Json>;
/** The same for a request whose params and result are known. */
export type Handler<P, R> = (params: P, context: HandlerContext) => R | Promise<R>;
/** What a handler is given besides the params. */
export interface HandlerContext {
  /** What was asked. */
  method: string;
  /** Fires when the request is withdrawn. */
  signal: AbortSignal;
}
/** The handler of a method: of MCP's, or of any other. */
export type HandlerOf<M extends string> = M extends keyof ServerRequests
  ? Handler<ServerRequests[M]["params"], ServerRequests[M]["result"]>
  : RequestHandler;
/** Handlers by method. Params of a method that MCP does not have are a JsonObject, and have to be declared so. */
export interface Handlers {
  /** Asks the user: by a form, or by a URL when `params.mode` is `"url"`. */
  "elicitation/create"?: HandlerOf<"elicitation/create">;
  /** Asks a model. */
  "sampling/createMessage"?: HandlerOf<"sampling/createMessage">;
  /** Says which places this program works in. */
  "roots/list"?: HandlerOf<"roots/list">;
  /** Whatever else a server asks. */
  [method: string]: Handler<never, object> | undefined;
}

/** What a single request can be given. */
export interface RequestOptions {
  /** Gives the request up: it rejects with the code `"aborted"`, and the MCP server is told. */
  signal?: AbortSignal;
  /** ms without an answer or progress, after which the request is given up with the code `"timeout"`. Default: none. */
  timeout?: number;
  /** ms after which the request is given up whatever progress it reports, with the code `"timeout"`. Default: none. */
  maxTimeout?: number;
  /** Called each time the MCP server reports progress. */
  onProgress?: (progress: Progress) => void;
}

/** What an MCP server tells. */
export interface NotificationEvent {
  /** What it is about, such as `"notifications/message"`. */
  method: string;
  /** The rest, as it came. */
  params: JsonObject;
}
/** A frame that passed: exactly its text, and when, in ms since 1970. */
export interface FrameEvent {
  /** Whether the bridge sent it (`"in"`) or this program. */
  direction: "in" | "out";
  /** The frame, byte for byte. */
  text: string;
  /** When, in ms since 1970. */
  time: number;
}
/** How a session ended: the WebSocket's close code and reason, and the error if it was not meant to end. */
export interface CloseInfo {
  /** The WebSocket's close code. */
  code: number;
  /** Its reason, often empty. */
  reason: string;
  /** Why, if the session was not meant to end. */
  error?: FootbridgeError;
}

/** What a session tells, by event. */
export interface SessionEvents {
  /** The state changed. */
  state: SessionState;
  /** The MCP server tells something. Progress that a request listens for goes there instead. */
  notification: NotificationEvent;
  /** A line of the server process's standard error. The bridge sends them while someone listens, kept ones first. */
  stderr: string;
  /** A frame passed. */
  frame: FrameEvent;
  /** The session is over. The last event, and it comes once. */
  close: CloseInfo;
}

/** A session with one MCP server, from the moment it is ready. Made by `connect`. */
export declare class Session extends Methods {
  private constructor();
  /** The session's id at the bridge. */
  readonly id: string;
  /** How the session is. */
  readonly state: SessionState;
  /** Whether this session was begun by an earlier page of this tab. */
  readonly resumed: boolean;
  /** The MCP server's capabilities, as it declared them. */
  readonly capabilities: ServerCapabilities;
  /** The MCP server's name and version, as it gave them. */
  readonly serverInfo: Implementation | null;
  /** The revision of MCP that the bridge and the server agreed on. */
  readonly protocolVersion: string;
  /** How the MCP server wishes to be used, in its own words. */
  readonly instructions: string | null;
  /** How the bridge reaches the MCP server. */
  readonly transport: "stdio" | "sse" | "http";
  /** Sends a request and waits for its result. Rejects with a FootbridgeError (`side: "server"` when the MCP server answered with an error). */
  request(method: string, params?: JsonObject, options?: RequestOptions): Promise<JsonObject>;
  /** Sends a notification. Throws a FootbridgeError when the session is closed. */
  notify(method: string, params?: JsonObject): void;
  /** Answers a kind of server request from now on; `null` removes the handler. The capabilities stay as declared. */
  onRequest<M extends string>(method: M, handler: HandlerOf<M> | null): void;
  /** Listens; returns a function that stops listening. */
  on(event: "state", listener: (state: SessionState, info: StateInfo) => void): () => void;
  /** Listens; returns a function that stops listening. */
  on<K extends keyof SessionEvents>(event: K, listener: (value: SessionEvents[K]) => void): () => void;
  /** Asks the bridge how this session is. */
  status(options?: { signal?: AbortSignal }): Promise<SessionStatus>;
  /** Ends the session and its MCP server, and waits until the socket is closed. Calls in flight reject. */
  close(): Promise<void>;
}

/** What the bridge tells of a session. */
export interface SessionStatus {
  /** Whether the session is there. The members below are, only if it is. */
  status: boolean;
  /** For people. */
  message: string;
  /** The session that was asked for. */
  session_id: string;
  /** Whether the MCP server is ready and a browser is attached. */
  connected?: boolean;
  /** The MCP server's capabilities; `null` until it is ready. */
  capabilities?: JsonObject | null;
  /** RFC 3339, UTC. */
  created_at?: string;
  /** When a message last passed, in either direction. RFC 3339, UTC. */
  last_activity?: string;
  /** What else this bridge tells; see its protocol. */
  [more: string]: Json | undefined;
}

/** A server that the bridge's operator offers by name. */
export interface CatalogueEntry {
  /** What `server` in the options of `connect` says. */
  name: string;
  /** A name for people. */
  title?: string;
  /** What it is, for people. */
  description?: string;
  /** How the bridge reaches it. */
  transport: "stdio" | "sse" | "http";
  /** What it asks for, in the order to ask in: the members of `inputs` in the options of `connect`. */
  inputs?: CatalogueInput[];
}
/** Something that a server of the catalogue asks for. */
export interface CatalogueInput {
  /** Its name among the `inputs`. */
  name: string;
  /** A name for people. */
  title?: string;
  /** What it means, for people. */
  description?: string;
  /** Whether a session needs it. An empty text counts as none. */
  required: boolean;
  /** Whether it must not be seen as it is typed. */
  secret: boolean;
  /** What the whole value must match, in the syntax of Rust's `regex`: JavaScript's, without look-around and back-references. */
  pattern?: string;
  /** The only values that are taken. */
  options?: string[];
  /** The value when none is given; never told when it is secret. */
  default?: string;
}

/** Opens a session, and resolves when its MCP server is ready. Rejects with a FootbridgeError. */
export declare function connect(options: ConnectOptions): Promise<Session>;
/** Asks how a session is; one that is not there has `status: false`. Rejects with a FootbridgeError. */
export declare function status(options: BridgeOptions & { sessionId: string }): Promise<SessionStatus>;
/** Lists the bridge's catalogue. Rejects with a FootbridgeError. */
export declare function servers(options?: BridgeOptions): Promise<CatalogueEntry[]>;

/**
 * Loads the WebAssembly from somewhere else: a URL, a Response, bytes or a compiled module; in Node also a path.
 * Optional, before the first call: it is loaded once, and what comes later changes nothing.
 */
export declare function load(source?: string | URL | Response | BufferSource | WebAssembly.Module): Promise<void>;

/** What every failure of this package is. */
export declare class FootbridgeError extends Error {
  private constructor();
  /** Stable: "unauthorized", "params_denied", "upstream_exited", "timeout", "aborted", "socket_closed", "session_lost", ... or for an MCP server's error "server_error". */
  readonly code: string;
  /** Whose doing it was: this program's or its browser's, the bridge's, that of the way to the MCP server, or the MCP server's own. */
  readonly side: "browser" | "bridge" | "upstream" | "server";
  /** JSON-RPC code, when there is one. */
  readonly rpcCode?: number;
  /** The way out, for people. */
  readonly hint?: string;
  /** HTTP status, when a route refused. */
  readonly status?: number;
  /**
   * What else is known, such as `command`, `exit_code` and `stderr` of a process, or the `data` of a JSON-RPC error.
   * For a call that ends with its session, `may_have_run` says whether it may have reached the MCP server.
   */
  readonly data?: Json;
}
