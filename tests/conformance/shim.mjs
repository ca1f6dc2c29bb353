// Streamable HTTP in front of the bridge's sockets, so that the suite's server half can test what is behind the bridge.
// Only for that: it speaks as much HTTP as the suite needs, and takes no part in what passes.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

const MODERN = "2026-07-28";

/** The HTTP status that goes with a JSON-RPC error of the stateless revision. */
const STATUS = new Map([[-32601, 404], [-32602, 400], [-32020, 400], [-32021, 400], [-32022, 400], [-32600, 400], [-32700, 400]]);

/** A socket of the bridge, and the HTTP exchanges that wait for what comes on it. */
class Line {
  #socket;
  #waiting = new Map();
  #listener = null;
  #held = [];

  static async open(bridge, token, params) {
    const response = await fetch(new URL("/api/mcp/ws/connect", bridge), {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ server_params: params }),
    });
    const body = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(body));
    const address = new URL(body.websocket_url, bridge);
    address.protocol = "ws:";
    const line = new Line();
    line.#socket = new WebSocket(address, ["mcp"]);
    line.#socket.addEventListener("message", ({ data }) => line.#receive(JSON.parse(data)));
    await new Promise((resolve, reject) => {
      line.#socket.addEventListener("open", resolve);
      line.#socket.addEventListener("error", () => reject(new Error("the socket does not open")));
    });
    return line;
  }

  send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  /** Sends a request under an id of the shim's own: clients of the stateless revision share one socket. */
  ask(message, exchange) {
    const id = randomUUID();
    this.#waiting.set(id, { exchange, id: message.id, token: message.params?._meta?.progressToken });
    this.send({ ...message, id });
    return () => {
      if (this.#waiting.delete(id)) {
        this.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } });
      }
    };
  }

  listen(exchange) {
    this.#listener = exchange;
    for (const message of this.#held.splice(0)) exchange.push(message);
  }

  close() {
    this.#socket.close(1000);
  }

  #receive(message) {
    if (message.method === undefined) {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      waiting?.exchange.end(named({ ...message, id: waiting.id }, message.id, waiting.id));
      return;
    }
    const { token, subscription } = addressed(message);
    const all = [...this.#waiting.entries()];
    const match = all.find(([id, waiting]) => id === subscription || (token !== undefined && waiting.token === token));
    const target = match?.[1] ?? all.at(-1)?.[1];
    if (target) target.exchange.push(match ? named(message, match[0], target.id) : message);
    else if (this.#listener) this.#listener.push(message);
    else this.#held.push(message);
  }
}

const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

function addressed(message) {
  return { token: message.params?.progressToken, subscription: message.params?._meta?.[SUBSCRIPTION] };
}

/** The message with the client's own id wherever it speaks of the request. */
function named(message, own, theirs) {
  for (const part of [message.params, message.result]) {
    if (part?._meta?.[SUBSCRIPTION] === own) part._meta[SUBSCRIPTION] = theirs;
  }
  return message;
}

/** One answer over HTTP: JSON if it is all there is, a stream of events otherwise. */
class Exchange {
  #response;
  #headers;
  #is_modern;

  constructor(response, is_modern, headers = {}) {
    this.#response = response;
    this.#headers = headers;
    this.#is_modern = is_modern;
  }

  open() {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", ...this.#headers });
    this.#response.flushHeaders();
  }

  push(message) {
    this.open();
    this.#response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  end(message) {
    if (this.#response.headersSent) {
      this.push(message);
      this.#response.end();
      return;
    }
    const status = this.#is_modern ? (STATUS.get(message.error?.code) ?? 200) : 200;
    this.#response.writeHead(status, { "content-type": "application/json", ...this.#headers });
    this.#response.end(JSON.stringify(message));
  }
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text === "" ? undefined : JSON.parse(text);
}

/** Starts the shim in front of the server that `params` reach through the bridge; its URL and its end. */
export async function shim(bridge, token, params) {
  const sessions = new Map();
  const shared = new Map();
  let modern;
  const open = () => Line.open(bridge, token, params);

  async function post(request, response) {
    const message = await read(request);
    const is_modern = message.params?._meta !== undefined && message.params._meta["io.modelcontextprotocol/protocolVersion"] !== undefined
      ? true
      : request.headers["mcp-protocol-version"] === MODERN;
    const session = request.headers["mcp-session-id"];
    if (session !== undefined && !is_modern && !sessions.has(session)) return response.writeHead(404).end();
    let line = sessions.get(session);
    const headers = {};
    if (is_modern) {
      modern ??= open();
      line = await modern;
    } else if (line === undefined) {
      line = await open();
      if (message.method === "initialize") {
        headers["mcp-session-id"] = randomUUID();
        sessions.set(headers["mcp-session-id"], line);
      } else {
        shared.set(line, true);
      }
    }
    if (message.id === undefined || message.method === undefined) {
      line.send(message);
      return response.writeHead(202).end();
    }
    const exchange = new Exchange(response, is_modern, headers);
    const cancel = line.ask(message, exchange);
    response.on("close", cancel);
    return undefined;
  }

  async function handle(request, response) {
    if (request.method === "POST") return post(request, response);
    const line = sessions.get(request.headers["mcp-session-id"]);
    if (line === undefined) return response.writeHead(request.headers["mcp-session-id"] ? 404 : 405).end();
    if (request.method === "DELETE") {
      sessions.delete(request.headers["mcp-session-id"]);
      line.close();
      return response.writeHead(200).end();
    }
    const exchange = new Exchange(response, false);
    exchange.open();
    line.listen(exchange);
    return undefined;
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      if (!response.headersSent) response.writeHead(502);
      response.end(String(error));
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    for (const line of [...sessions.values(), ...shared.keys()]) line.close();
    (await modern)?.close();
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, stop };
}
