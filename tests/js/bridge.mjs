// A bridge that does what a test says: `POST connect`, status, catalogue, and the native dialect.
// It decides nothing by itself, so that a test reads as the conversation it is about.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import { FootbridgeError } from "footbridge";
import { WebSocketServer } from "ws";

/** The error a promise rejects with. */
export async function failure(promise) {
  const error = await promise.then(
    (value) => assert.fail(`it resolved with ${JSON.stringify(value)}`),
    (error) => error,
  );
  assert.ok(error instanceof FootbridgeError, String(error));
  return error;
}

export const SESSION = "8a1f2f4e-3c55-4b0f-9d0e-0a4cf0a5b6c7";

export const INITIALIZED = {
  type: "initialized",
  session_id: SESSION,
  capabilities: { tools: { listChanged: true } },
  server_info: { name: "scripted", version: "1.2.3" },
  protocol_version: "2025-11-25",
  era: "legacy",
  instructions: "Be kind.",
  transport: "stdio",
  timestamp: "2026-01-01T00:00:00.000000+00:00",
};

/** One end of a socket: what the page sent, in order, and a way to answer. */
class Peer {
  #frames = [];
  #waiting = [];

  constructor(socket, request, counts) {
    this.socket = socket;
    this.request = request;
    this.closed = once(socket, "close").then(([code]) => code);
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      // Most tests are about sessions that are never taken up again, and about nothing that is counted.
      if (!counts && ["resumable", "ack"].includes(frame.type)) return;
      const next = this.#waiting.shift();
      if (next) next(frame);
      else this.#frames.push(frame);
    });
  }

  /** The page's next frame. */
  receive() {
    const frame = this.#frames.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Frames that came and nobody looked at. */
  get unread() {
    return this.#frames.length;
  }

  send(frame) {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  result(id, result) {
    this.send({ jsonrpc: "2.0", id, result });
  }

  error(id, error) {
    this.send({ jsonrpc: "2.0", id, error });
  }

  close(code, reason) {
    this.socket.close(code, reason);
  }
}

/**
 * Starts a bridge on a free port of the loopback.
 * `attach(peer)` speaks for the session; without it the session is ready at once.
 * `protocol` is the subprotocol it echoes. With `counts` tests see `resumable` and `ack` frames too.
 * `routes` replaces the answer of a route: `(request, body) => [status, json]`.
 */
export async function bridge(t, { attach, routes = {}, protocol = "footbridge.v1", counts = false } = {}) {
  const calls = [];
  let resolvePeer;
  const peer = new Promise((resolve) => (resolvePeer = resolve));
  const usual = {
    "POST /api/mcp/ws/connect": () => [
      200,
      {
        status: true,
        message: "ok",
        session_id: SESSION,
        websocket_url: `/api/mcp/ws/${SESSION}?server_params=e30%3D&ticket=t`,
        timestamp: INITIALIZED.timestamp,
      },
    ],
    "GET /api/mcp/servers": () => [
      200,
      { servers: [{ name: "demo", title: "Demo", transport: "stdio" }], commands: false },
    ],
    [`GET /api/mcp/ws/status/${SESSION}`]: () => [
      200,
      { status: true, message: "Session is open", session_id: SESSION, connected: true },
    ],
    ...routes,
  };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const call = { method: request.method, url: request.url, headers: request.headers, body };
    calls.push(call);
    const route = usual[`${request.method} ${request.url}`];
    const answer = route ? await route(call) : [404, { status: false, message: "no such route" }];
    if (!answer) return; // The test leaves the page waiting.
    const [status, json] = answer;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(typeof json === "string" ? json : JSON.stringify(json));
  });
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (offered) => (offered.has("footbridge.v1") || offered.has("mcp")) && protocol,
  });
  sockets.on("connection", (socket, request) => {
    const peer = new Peer(socket, request, counts);
    resolvePeer(peer);
    if (attach) {
      attach(peer);
    } else {
      peer.send({ type: "state", state: "starting", session_id: SESSION });
      peer.send(INITIALIZED);
      peer.send({ type: "state", state: "ready", session_id: SESSION });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, calls, peer, server };
}
