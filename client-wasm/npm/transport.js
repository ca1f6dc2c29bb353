// A transport for the official TypeScript SDK. It carries MCP as it is (the bridge's dialect `mcp`): the SDK shakes
// hands by itself, and nothing of this package is loaded besides this file and its errors.
import { FootbridgeError, misuse, textOf } from "./error.js";

const PREFIX = "/api/mcp";

/** How much may wait in the socket before `send` refuses, in bytes. */
const MOST_UNSENT = 16 * 1024 * 1024;

/** How long a socket may take to close, in ms. */
const CLOSING = 3_000;

const fault = (code, side, message, more) => new FootbridgeError({ message, code, side, ...more });

const SAMPLE = "write an origin such as http://127.0.0.1:8000, or a path such as /api/mcp";

/** The bridge's origin and API prefix. */
function addressOf(url = PREFIX) {
  if (typeof url !== "string" && !(url instanceof URL)) throw misuse("`url` must be a string or a URL");
  const text = String(url).trim();
  const page = globalThis.location?.href;
  const isPath = text.startsWith("/") && !text.startsWith("//");
  if (isPath && !page) throw misuse(`url "${text}" is relative, and there is no page to resolve it against: ${SAMPLE}`);
  const address = URL.parse(isPath ? new URL(text, page) : text);
  if (!address || !/^(http|ws)s?:$/.test(address.protocol)) throw misuse(`\`url\` is not that of a bridge: ${SAMPLE}`);
  if (address.username || address.password) {
    throw misuse("url carries a user name or password: give the bridge's token as `token`");
  }
  const scheme = address.protocol.replace("ws", "http");
  const path = address.pathname.replace(/\/+$/, "");
  return { origin: `${scheme}//${address.host}`, prefix: path || PREFIX };
}

function serverParams({ server, inputs, params }) {
  if ((server === undefined) === (params === undefined)) {
    throw misuse("a transport needs either `server` (a name of the bridge's catalogue) or `params`");
  }
  if (params === undefined) return { type: "named", server, inputs };
  if (inputs !== undefined) throw misuse("`inputs` goes with `server`: `params` carries its own values");
  return params;
}

/** What a route that refused said. */
async function refusal(response) {
  const body = await response.json().catch(() => undefined);
  const status = response.status;
  const otherwise = status < 500 ? "browser" : "bridge";
  if (!body?.error) {
    const hint = "check that `url` is the bridge's origin or its API prefix";
    return fault("unexpected_answer", "bridge", `the bridge answered with HTTP status ${status}, not as a bridge does`, { status, hint });
  }
  const { code = "http_error", side = otherwise, hint, field } = body.error;
  const more = { status, ...(hint && { hint }), ...(field && { data: { field } }) };
  return fault(code, side, body.message ?? `HTTP status ${status}`, more);
}

export class FootbridgeTransport {
  onclose;
  onerror;
  onmessage;
  #options;
  #socket;
  #id;
  #closed = Promise.withResolvers();
  #over = new AbortController();
  #isClosing = false;
  /** What is handed to the SDK, one after the other: it handles a notification a moment later, and must not see the answer before. */
  #turn = Promise.resolve();

  constructor(options = {}) {
    const { url, token, timeout = 90_000 } = options;
    if (token !== undefined && typeof token !== "string") throw misuse("`token` must be a string");
    if (!(timeout > 0)) throw misuse("`timeout` must be a number of milliseconds");
    const body = textOf({ server_params: serverParams(options) }, "the options of a transport");
    this.#options = { ...addressOf(url), token, timeout, body };
  }

  get bridgeSessionId() {
    return this.#id;
  }

  async start() {
    if (this.#socket || this.#isClosing) throw misuse("a transport starts once: make a new one to connect again");
    const { timeout } = this.#options;
    const late = AbortSignal.timeout(timeout);
    const signal = AbortSignal.any([this.#over.signal, late]);
    try {
      const place = await this.#ask(signal);
      await this.#open(place, signal);
    } catch (error) {
      this.#isClosing = true;
      if (late.aborted) throw fault("timeout", "browser", `the bridge did not open a session within ${timeout} ms`);
      if (this.#over.signal.aborted) throw fault("aborted", "browser", "the transport was closed before it was open");
      throw error;
    }
  }

  async send(message) {
    if (this.#socket?.readyState !== 1) throw fault("socket_closed", "browser", "the transport is not open");
    if (this.#socket.bufferedAmount > MOST_UNSENT) {
      const hint = "wait for answers before sending more";
      throw fault("too_much_unsent", "browser", `more than ${MOST_UNSENT} bytes wait to be sent to the bridge`, { hint });
    }
    this.#socket.send(textOf(message, "a message"));
  }

  async close() {
    this.#isClosing = true;
    this.#over.abort();
    const socket = this.#socket;
    if (!socket) return;
    socket.close(1000);
    // A socket whose other end is gone may take minutes to close.
    const timer = setTimeout(() => this.#end(1000, ""), CLOSING);
    await this.#closed.promise;
    clearTimeout(timer);
  }

  /** Asks the bridge for a session, and gives the URL of its socket. */
  async #ask(signal) {
    const { origin, prefix, token, body } = this.#options;
    const headers = { accept: "application/json", "content-type": "application/json" };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    const response = await fetch(`${origin}${prefix}/ws/connect`, { method: "POST", headers, body, signal }).catch((error) => {
      if (signal.aborted) throw error;
      const hint = "is it running there, and does it allow this page's origin?";
      throw fault("unreachable", "bridge", `the bridge cannot be reached at ${origin}${prefix}`, { hint });
    });
    if (!response.ok) throw await refusal(response);
    const answer = await response.json().catch(() => undefined);
    const path = answer?.websocket_url;
    if (typeof path !== "string" || !path.startsWith("/") || path.startsWith("//")) {
      throw fault("unexpected_answer", "bridge", "the bridge answered without a `websocket_url`, not as a bridge does");
    }
    this.#id = answer.session_id;
    return `${origin.replace("http", "ws")}${path}`;
  }

  #open(place, signal) {
    const { promise, resolve, reject } = Promise.withResolvers();
    const socket = new WebSocket(place, "mcp");
    const giveUp = () => {
      socket.close();
      reject(signal.reason);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    const lost = fault("unreachable", "bridge", "the socket was lost, or the bridge refused it");
    let isOpen = false;
    socket.addEventListener("open", () => {
      signal.removeEventListener("abort", giveUp);
      if (socket.protocol !== "mcp") {
        socket.close();
        return reject(fault("unexpected_answer", "bridge", "what answers at the socket is not a bridge"));
      }
      isOpen = true;
      this.#socket = socket;
      resolve();
    });
    socket.addEventListener("message", ({ data }) => this.#next(() => this.#take(data)));
    socket.addEventListener("error", () => isOpen || reject(lost));
    socket.addEventListener("close", ({ code, reason }) => {
      signal.removeEventListener("abort", giveUp);
      if (isOpen) this.#next(() => this.#end(code, reason));
      else reject(lost);
    });
    return promise;
  }

  #next(act) {
    // What a callback throws is its own failure, and nobody waits for it here.
    this.#turn = this.#turn.then(act).catch((error) => queueMicrotask(() => { throw error; }));
  }

  #take(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.onerror?.(fault("unexpected_answer", "bridge", "the bridge sent something that is not JSON"));
      return;
    }
    this.onmessage?.(message);
  }

  #end(code, reason) {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    // The SDK only learns that it is over; why has to be told before.
    if (!this.#isClosing && code !== 1000) {
      const message = `the session ended (close code ${code}${reason ? `: ${reason}` : ""})`;
      this.onerror?.(fault("socket_closed", "bridge", message, { data: { close_code: code, reason } }));
    }
    this.#isClosing = true;
    this.#closed.resolve();
    this.onclose?.();
  }
}

export { FootbridgeError };
