/**
 * A transport for the official TypeScript SDK: `@modelcontextprotocol/client` 2.x and `@modelcontextprotocol/sdk` 1.x.
 * @module
 */
import type { BridgeOptions, ServerParams } from "./index.js";

export { FootbridgeError } from "./index.js";

/** What a transport needs: exactly one of `server` and `params`. */
export interface TransportOptions extends Omit<BridgeOptions, "url" | "signal"> {
  /**
   * The bridge: its origin (`http://127.0.0.1:8000`) or its API prefix (`/api/mcp`, `https://x/api/mcp`).
   * Default: `/api/mcp` of the page's own origin. Without a page, as in Node, it must be written in full.
   */
  url?: string | URL;
  /** The name of a server of the bridge's catalogue. */
  server?: string;
  /** Values for what that catalogue entry asks for. Only with `server`. */
  inputs?: Record<string, string>;
  /** Where the MCP server is. */
  params?: ServerParams;
  /** ms until the bridge must have opened a session. Default: 90 000. The SDK has its own time for the server behind it. */
  timeout?: number;
}

/** A message of JSON-RPC, as far as a transport looks at one. */
export interface TransportMessage {
  /** JSON-RPC's version. */
  jsonrpc: "2.0";
}

/**
 * Carries the SDK's messages to an MCP server behind a Footbridge: `await client.connect(new FootbridgeTransport({ server: "demo" }))`.
 * It carries them as they are. `onerror` hears a FootbridgeError that says why a session ended, before `onclose`.
 */
export declare class FootbridgeTransport {
  /** Makes a transport for one session. Nothing happens until the SDK starts it. Throws a FootbridgeError for options that cannot be. */
  constructor(options: TransportOptions);
  /** Called once, when the session is over. Set by the SDK. */
  onclose?: (() => void) | undefined;
  /** Called with what went wrong. Set by the SDK. */
  onerror?: ((error: Error) => void) | undefined;
  /** Called with each message of the MCP server. Set by the SDK. */
  onmessage?: (<T extends TransportMessage>(message: T) => void) | undefined;
  /** The session's id at the bridge, once it is open. Not the SDK's `sessionId`, which means another thing. */
  readonly bridgeSessionId: string | undefined;
  /** Opens the session. Called by the SDK. Rejects with a FootbridgeError. */
  start(): Promise<void>;
  /** Sends a message. Called by the SDK. Rejects with a FootbridgeError when the session is over or too much waits to be sent. */
  send(message: TransportMessage): Promise<void>;
  /** Ends the session and its MCP server. */
  close(): Promise<void>;
}
