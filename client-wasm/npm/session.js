import { FootbridgeError, faultOf, misuse, textOf } from "./error.js";
import { HANDLERS } from "./handlers.js";
import { keep } from "./keep.js";
import { Methods } from "./methods.js";
import { explained, watchNetwork } from "./place.js";

/** Lets an `AbortSignal` call `abort`; gives back how to stop that. */
function onAbort(signal, abort) {
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return () => signal?.removeEventListener("abort", abort);
}

/** A listener's own failure must reach the console, and nobody else. */
function call(listener, ...values) {
  try {
    listener(...values);
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else console.error(error);
  }
}

/** Where the bridge is, for the core. */
export function placeOf({ url, token }) {
  if (url !== undefined && typeof url !== "string") throw misuse("`url` must be a string");
  if (token !== undefined && typeof token !== "string") throw misuse("`token` must be a string");
  return JSON.stringify({ url, token, page: globalThis.location?.href });
}

/** How a session is, or without one the bridge's catalogue; with `end` the session is ended. */
export async function read(core, place, sessionId, signal, end = false) {
  try {
    return JSON.parse(await core.read(place, sessionId, signal, end));
  } catch (fault) {
    throw await explained(faultOf(fault), JSON.parse(place).url);
  }
}

/** One MCP session. What it does is decided in the core; here it takes the shape of JavaScript. */
export class Session extends Methods {
  #core;
  #connection;
  #place;
  #info = {};
  #state = "connecting";
  #resumed = false;
  #keeper;
  #unwatch;
  #listeners = new Map();
  #asked = new Map();
  #opened = Promise.withResolvers();
  #closed = Promise.withResolvers();

  /** Only `connect` makes sessions. */
  static async open(core, options) {
    const session = new Session();
    session.#core = core;
    session.#place = placeOf(options);
    session.#connection = new core.Connection(session.#page());
    return session.#open(options);
  }

  get id() {
    return this.#info.session_id;
  }
  get state() {
    return this.#state;
  }
  get resumed() {
    return this.#resumed;
  }
  get capabilities() {
    return this.#info.capabilities ?? {};
  }
  get serverInfo() {
    return this.#info.server_info ?? null;
  }
  get protocolVersion() {
    return this.#info.protocol_version;
  }
  get instructions() {
    return this.#info.instructions ?? null;
  }
  get transport() {
    return this.#info.transport;
  }

  request(method, params, options = {}) {
    const { signal, timeout, maxTimeout, onProgress } = options;
    return new Promise((resolve, reject) => {
      const text = textOf(params, "params");
      if (signal?.aborted) {
        const message = `${method} was aborted`;
        throw new FootbridgeError({ message, code: "aborted", side: "browser" });
      }
      if (maxTimeout !== undefined && !(maxTimeout >= 0)) throw misuse("`maxTimeout` must be a number of milliseconds");
      const stops = [];
      const forget = () => stops.splice(0).forEach((stop) => stop());
      let late;
      const caller = {
        onResult(result) {
          forget();
          resolve(JSON.parse(result));
        },
        onFault(fault) {
          forget();
          reject(late ?? faultOf(fault));
        },
        onProgress(params) {
          const { progressToken, ...progress } = JSON.parse(params);
          call(onProgress, progress);
        },
      };
      const wanted = typeof onProgress === "function";
      const id = this.#connection.request(String(method), text, timeout, wanted, caller);
      const cancel = () => this.#connection.cancel(id);
      stops.push(onAbort(signal, cancel));
      if (maxTimeout !== undefined) {
        // A timer counts to 2^31 - 1; 24 days are the end of every call anyway.
        const timer = setTimeout(() => {
          const message = `${method} was not done within ${maxTimeout} ms`;
          late = new FootbridgeError({ message, code: "timeout", side: "browser" });
          cancel();
        }, Math.min(maxTimeout, 2 ** 31 - 1));
        stops.push(() => clearTimeout(timer));
      }
    });
  }

  notify(method, params) {
    const text = textOf(params, "params");
    try {
      this.#connection.notify(String(method), text);
    } catch (fault) {
      throw faultOf(fault);
    }
  }

  onRequest(method, handler) {
    if (handler) this[HANDLERS].set(method, handler);
    else this[HANDLERS].delete(method);
    this.#connection.answerMethod(method, Boolean(handler));
  }

  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // Wrapped, so that a function that listens twice is two listeners.
    const entry = (...values) => listener(...values);
    listeners.add(entry);
    this.#want(event);
    return () => {
      listeners.delete(entry);
      this.#want(event);
    };
  }

  status({ signal } = {}) {
    return read(this.#core, this.#place, this.id, signal);
  }

  async close() {
    // Without a socket there is no other way to say so, and without a network the bridge waits in vain.
    if (this.#state === "detached") read(this.#core, this.#place, this.id, undefined, true).catch(() => {});
    this.#connection.close();
    await this.#closed.promise;
  }

  async #open({ server, inputs, params, capabilities, clientInfo, timeout, ...rest }) {
    const { handlers = {}, onState, onStderr, onFrame, signal, resume = true } = rest;
    const options = { server, inputs, params, capabilities, clientInfo };
    const text = textOf(options, "the options of connect");
    for (const [method, handler] of Object.entries(handlers)) this.onRequest(method, handler);
    if (onState) this.on("state", onState);
    if (onStderr) this.on("stderr", onStderr);
    if (onFrame) this.on("frame", onFrame);
    if (resume?.key !== undefined) this.#keeper = await keep(String(resume.key), server);
    this.#unwatch = watchNetwork(this.#connection, rest.url);
    this.#connection.open(this.#place, text, timeout, resume !== false, this.#keeper?.earlier);
    const forget = onAbort(signal, () => this.#connection.close());
    try {
      await this.#opened.promise;
    } catch (error) {
      throw await explained(error, rest.url);
    } finally {
      forget();
    }
    return this;
  }

  /** The core sends stderr lines and frames only while someone listens. */
  #want(event) {
    const wanted = this.#listeners.get(event).size > 0;
    if (event === "stderr") this.#connection.wantStderr(wanted);
    if (event === "frame") this.#connection.wantFrames(wanted);
  }

  #emit(event, ...values) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) call(listener, ...values);
  }

  /** What the core calls. Nothing here may throw. */
  #page() {
    return {
      onState: (state, reason) => {
        this.#state = state;
        this.#emit("state", state, reason === undefined ? {} : { reason });
      },
      onPass: (url, token, takenUp) => {
        this.#resumed ||= takenUp;
        void this.#keeper?.has(url, token);
      },
      onReady: (initialized) => {
        this.#info = JSON.parse(initialized);
        this.#opened.resolve();
      },
      onAsk: (ask, method, params) => void this.#answer(ask, method, params),
      onWithdraw: (ask) => this.#asked.get(ask)?.abort(),
      onNotification: (method, params) => {
        this.#emit("notification", { method, params: JSON.parse(params) });
      },
      onStderr: (line) => this.#emit("stderr", line),
      onFrame: (direction, text) => this.#emit("frame", { direction, text, time: Date.now() }),
      onClosed: (code, reason, fault) => {
        const error = fault && faultOf(fault);
        this.#unwatch?.();
        this.#keeper?.drop();
        this.#opened.reject(error);
        this.#emit("close", error ? { code, reason, error } : { code, reason });
        this.#closed.resolve();
      },
    };
  }

  async #answer(ask, method, params) {
    const withdrawn = new AbortController();
    this.#asked.set(ask, withdrawn);
    try {
      const handler = this[HANDLERS].get(method);
      const result = await handler(JSON.parse(params), { method, signal: withdrawn.signal });
      this.#connection.answer(ask, JSON.stringify(result) ?? "");
    } catch (error) {
      const code = Number.isInteger(error?.rpcCode) ? error.rpcCode : -32603;
      this.#connection.refuse(ask, code, String(error?.message ?? error));
    } finally {
      this.#asked.delete(ask);
    }
  }
}
