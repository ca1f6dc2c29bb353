// A hook for React. It holds one session for as long as a component wants it; what it does is in `Connection`,
// which knows nothing of React.
import { useCallback, useEffect, useInsertionEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { connect } from "footbridge";

const LISTS = [
  ["tools", "tools", "notifications/tools/list_changed"],
  ["resources", "resources", "notifications/resources/list_changed"],
  ["resourceTemplates", "resources", "notifications/resources/list_changed"],
  ["prompts", "prompts", "notifications/prompts/list_changed"],
];

/** The most items of a list that are kept: a list without an end must not fill the page. */
const MOST_ITEMS = 10_000;

const NOTHING = { tools: [], resources: [], resourceTemplates: [], prompts: [] };
const IDLE = { state: "idle", session: null, error: null, attempt: 0, ...NOTHING };

/** How often a lost session is connected anew before its error stays, and how long to wait before each time, in ms. */
const AGAIN = { times: 5, first: 500, most: 30_000 };

/** One session and its lists, as values that change. */
class Connection {
  #view = IDLE;
  #listeners = new Set();
  #over = new AbortController();
  #timer;
  #options;

  constructor(options) {
    this.#options = options;
  }

  get view() {
    return this.#view;
  }

  listen = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  start() {
    void this.#connect(0);
  }

  stop() {
    this.#over.abort();
    clearTimeout(this.#timer);
    void this.#view.session?.close();
    this.#set({ ...IDLE });
  }

  #set(change) {
    this.#view = { ...this.#view, ...change };
    for (const listener of [...this.#listeners]) listener();
  }

  async #connect(attempt) {
    const { signal } = this.#over;
    const { reconnect, ...options } = this.#options;
    this.#set({ ...IDLE, state: "connecting", attempt });
    try {
      const session = await connect({
        ...options,
        signal,
        onState: (state, ...more) => {
          options.onState?.(state, ...more);
          if (!signal.aborted && state === "starting") this.#set({ state });
        },
      });
      if (signal.aborted) return void session.close();
      this.#watch(session);
      this.#set({ session, state: "loading" });
      await Promise.all(LISTS.map(([name]) => this.#load(session, name)));
      if (this.#view.session === session) this.#set({ state: "ready", attempt: 0 });
    } catch (error) {
      if (!signal.aborted) this.#lose(error, attempt);
    }
  }

  #watch(session) {
    for (const [name, , changed] of LISTS) {
      session.onNotification(changed, () => {
        this.#load(session, name).catch((error) => this.#view.session === session && this.#set({ error }));
      });
    }
    // A session that outlives its socket tells of it, and of its way back.
    session.on("state", (state) => {
      if (this.#view.session !== session) return;
      if (state === "detached") this.#set({ state: "reconnecting" });
      else if (state === "ready" && this.#view.state === "reconnecting") this.#set({ state: "ready" });
    });
    session.on("close", ({ error }) => {
      if (this.#over.signal.aborted || this.#view.session !== session) return;
      if (error) this.#lose(error, this.#view.attempt);
      else this.#set({ ...IDLE, state: "closed" });
    });
  }

  async #load(session, name) {
    const [, capability] = LISTS.find(([list]) => list === name);
    if (!session.capabilities[capability]) return;
    const items = [];
    try {
      for await (const item of session[name]({ signal: this.#over.signal })) {
        if (items.push(item) === MOST_ITEMS) break;
      }
    } catch (error) {
      // Having resources is not having templates: a server need not know the method.
      if (error.rpcCode !== -32601) throw error;
    }
    if (this.#view.session === session) this.#set({ [name]: items });
  }

  #lose(error, attempt) {
    const { reconnect = true } = this.#options;
    // What this program asked for wrongly, or may not have, is not better the next time.
    const isHopeless = error.side === "browser" && error.code !== "timeout";
    void this.#view.session?.close();
    if (!reconnect || isHopeless || attempt >= AGAIN.times) return this.#set({ ...IDLE, state: "failed", error, attempt });
    this.#set({ ...IDLE, state: "reconnecting", error, attempt: attempt + 1 });
    const wait = Math.min(AGAIN.first * 2 ** attempt, AGAIN.most);
    this.#timer = setTimeout(() => void this.#connect(attempt + 1), wait / 2 + (wait / 2) * Math.random());
  }
}

/** What decides whether it is another session: functions do not, the latest are called. */
function keyOf({ enabled: _, handlers, onState, onStderr, onFrame, ...options }) {
  return JSON.stringify(Object.entries(options).sort());
}

export function useMcp(options) {
  const { enabled = true } = options;
  const latest = useRef(options);
  // The earliest effect there is: what happens after a render meets the functions of that render.
  useInsertionEffect(() => {
    latest.current = options;
  });
  const methods = Object.keys(options.handlers ?? {}).sort().join();
  const key = keyOf(options);
  const [round, setRound] = useState(0);
  const [connection, setConnection] = useState(null);

  useEffect(() => {
    if (!enabled) return undefined;
    const { enabled: _, handlers, onState, onStderr, onFrame, ...rest } = latest.current;
    const entries = Object.keys(handlers ?? {}).map((method) => [
      method,
      (params, context) => latest.current.handlers[method](params, context),
    ]);
    const made = new Connection({
      ...rest,
      handlers: Object.fromEntries(entries),
      onState: (...told) => latest.current.onState?.(...told),
      ...(onStderr && { onStderr: (line) => latest.current.onStderr?.(line) }),
      ...(onFrame && { onFrame: (frame) => latest.current.onFrame?.(frame) }),
    });
    setConnection(made);
    made.start();
    return () => {
      made.stop();
      setConnection(null);
    };
  }, [key, methods, enabled, round]);

  const listen = useCallback((listener) => (connection ? connection.listen(listener) : () => {}), [connection]);
  const view = useSyncExternalStore(listen, () => connection?.view ?? IDLE, () => IDLE);

  const reconnect = useCallback(() => setRound((round) => round + 1), []);
  const disconnect = useCallback(() => connection?.stop(), [connection]);
  const { session } = view;
  const acts = useMemo(() => {
    const bound = (name) => async (...args) => {
      if (session) return session[name](...args);
      throw new Error(`useMcp is not connected: ${name} has to wait until its state is "ready"`);
    };
    return { callTool: bound("callTool"), readResource: bound("readResource"), getPrompt: bound("getPrompt") };
  }, [session]);
  return { ...view, ...acts, reconnect, disconnect };
}
