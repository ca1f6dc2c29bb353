import { FootbridgeError, misuse } from "./error.js";

const TYPES = new Set(["state", "notification", "stderr", "frame", "close"]);

function known(type) {
  if (!TYPES.has(type)) throw misuse(`a session has no event "${type}": it has ${[...TYPES].join(", ")}`);
}

const isCapture = (options) => Boolean(typeof options === "object" ? options?.capture : options);

/**
 * Which listeners an `EventTarget` has. The session tells lines and frames only while someone listens, and
 * the browser's own list cannot be asked.
 */
export class Listening {
  #session;
  #types = new Map();

  constructor(session) {
    this.#session = session;
  }

  add(type, listener, options) {
    const signal = typeof options === "object" ? options?.signal : undefined;
    if (!listener || !TYPES.has(type) || signal?.aborted) return;
    let of = this.#types.get(type);
    if (!of) {
      of = { entries: [] };
      of.stop = this.#session.on(type, (detail) => {
        const once = of.entries.filter((entry) => entry.once);
        this.#session.dispatchEvent(new CustomEvent(type, { detail }));
        for (const entry of once) this.#drop(type, entry);
      });
      this.#types.set(type, of);
    }
    const capture = isCapture(options);
    if (of.entries.some((entry) => entry.listener === listener && entry.capture === capture)) return;
    const entry = { listener, capture, once: Boolean(options?.once) };
    of.entries.push(entry);
    signal?.addEventListener("abort", () => this.#drop(type, entry), { once: true });
  }

  remove(type, listener, options) {
    const capture = isCapture(options);
    const entries = this.#types.get(type)?.entries ?? [];
    this.#drop(type, entries.find((entry) => entry.listener === listener && entry.capture === capture));
  }

  #drop(type, entry) {
    const of = this.#types.get(type);
    const at = of ? of.entries.indexOf(entry) : -1;
    if (at < 0) return;
    of.entries.splice(at, 1);
    if (of.entries.length > 0) return;
    of.stop();
    this.#types.delete(type);
  }
}

/** The events of one type as an async iterable. It listens from the moment it is made, and keeps what is not yet read. */
export class Events {
  #kept = [];
  #waiting = [];
  #failure;
  #done = false;
  #stops = [];

  constructor(session, type, { signal, limit = 1024 } = {}) {
    known(type);
    if (!Number.isInteger(limit) || limit < 1) throw misuse("`limit` must be a whole number of events, at least 1");
    if (signal?.aborted || session.state === "closed") {
      this.#done = true;
      return;
    }
    this.#stops.push(session.on(type, (value) => this.#take(value, type, limit)));
    this.#stops.push(session.on("close", () => this.#end()));
    if (signal) {
      const end = () => this.#end();
      signal.addEventListener("abort", end);
      this.#stops.push(() => signal.removeEventListener("abort", end));
    }
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    if (this.#kept.length > 0) return { value: this.#kept.shift(), done: false };
    if (this.#failure) {
      const failure = this.#failure;
      this.#failure = undefined;
      throw failure;
    }
    if (this.#done) return { value: undefined, done: true };
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async return() {
    this.#kept = [];
    this.#failure = undefined;
    this.#end();
    return { value: undefined, done: true };
  }

  #take(value, type, limit) {
    const next = this.#waiting.shift();
    if (next) return next({ value, done: false });
    if (this.#kept.length < limit) return this.#kept.push(value);
    // A gap that nobody sees is worse than an end that says why.
    this.#failure = new FootbridgeError({
      message: `more than ${limit} "${type}" events waited to be read`,
      code: "events_lost",
      side: "browser",
      hint: "read faster, or give `events` a larger `limit`",
    });
    this.#end();
  }

  #end() {
    this.#done = true;
    for (const stop of this.#stops.splice(0)) stop();
    for (const next of this.#waiting.splice(0)) next({ value: undefined, done: true });
  }
}
