// One client session and all that is known about it.
// Owns the session, its logs, the questions a server has open and the question whether to start at all.
// Panels read it and never see a socket.

import { connect, FootbridgeError, servers } from "footbridge";
import type { ElicitResult, Json, JsonObject, RequestOptions, SamplingResult, Session } from "footbridge";
import { bridgeUrl, forgetToken, storedToken, storeToken } from "./bridge";
import { Consents } from "./consent";
import { FrameLog } from "./frames";
import { isObject, readPrompt, readResource, readTemplate, readTool, text } from "./mcp";
import type { Tool } from "./mcp";
import { ToolMemory } from "./tools";
import type { Target } from "./target";
import type { Ask, Listing, Listings, Noted, Phase, Root, View } from "./view";

const MAX_NOTIFICATIONS = 1000;
const MAX_STDERR_LINES = 2000;
/** ms between two redraws of the logs, however fast frames come. */
const LOG_REDRAW = 40;
const MAX_PAGES = 500;

const CLIENT_VERSION = "0.1.0";

const CAPABILITIES: JsonObject = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };

const LISTS = {
  tools: { method: "tools/list", member: "tools", capability: "tools", read: readTool },
  resources: { method: "resources/list", member: "resources", capability: "resources", read: readResource },
  templates: { method: "resources/templates/list", member: "resourceTemplates", capability: "resources", read: readTemplate },
  prompts: { method: "prompts/list", member: "prompts", capability: "prompts", read: readPrompt },
} as const;

export type ListName = keyof typeof LISTS;

function emptyListings(): Listings {
  const empty = { status: "unknown" as const, items: [], malformed: 0, error: null, stale: false };
  return { tools: empty, resources: empty, templates: empty, prompts: empty };
}

export class SessionStore {
  #view: View = {
    phase: "idle",
    since: Date.now(),
    target: null,
    server: null,
    failure: null,
    closed: null,
    needsToken: false,
    otherToken: false,
    consent: null,
    catalogue: { status: "loading", entries: [], error: null },
    listings: emptyListings(),
    asks: [],
    roots: [],
    frames: [],
    framesDropped: 0,
    notifications: [],
    stderr: [],
  };
  #listeners = new Set<() => void>();
  #session: Session | null = null;
  /** Which connection is the current one; what an earlier one still reports is ignored. */
  #attempt = 0;
  #abort: AbortController | null = null;
  #log = new FrameLog();
  #notifications: Noted[] = [];
  #stderr: string[] = [];
  #redraw: number | null = null;
  #nextSeq = 1;
  #consents = new Consents();
  #tools = new ToolMemory();
  /** A token that an address brought while this tab has one. */
  #offered: string | null = null;
  /** The token of this tab came by an address and the bridge has not accepted it yet. */
  #isUnproven = false;

  constructor(offered: string | null) {
    if (offered !== null) this.#take(offered);
  }

  readonly view = (): View => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async loadCatalogue(): Promise<void> {
    this.#set({ catalogue: { ...this.#view.catalogue, status: "loading", error: null } });
    try {
      const entries = await this.#knock();
      this.#set({ catalogue: { status: "loaded", entries, error: null }, needsToken: false, otherToken: this.#offered !== null });
    } catch (error) {
      if (isUnauthorized(error)) {
        this.#offered = null;
        if (this.#isUnproven) forgetToken();
      }
      this.#set({ catalogue: { status: "failed", entries: [], error }, needsToken: isUnauthorized(error), otherToken: false });
    }
  }

  /** A token that an address brought. The one in use stays while it works. */
  async offerToken(token: string): Promise<void> {
    this.#take(token);
    await this.loadCatalogue();
  }

  /** A token that the person chose; kept once the bridge has accepted it. */
  async useToken(token: string): Promise<void> {
    this.#set({ catalogue: { ...this.#view.catalogue, status: "loading", error: null } });
    try {
      const entries = await servers({ url: bridgeUrl(document.baseURI), token });
      storeToken(token);
      this.#isUnproven = false;
      this.#offered = null;
      this.#set({ catalogue: { status: "loaded", entries, error: null }, needsToken: false, otherToken: false });
    } catch (error) {
      this.#set({ catalogue: { status: "failed", entries: [], error }, needsToken: isUnauthorized(error) });
    }
  }

  /** The person's word on the token that an address brought beside the one in use. */
  async decideToken(useIt: boolean): Promise<void> {
    const offered = this.#offered;
    this.#offered = null;
    this.#set({ otherToken: false });
    if (useIt && offered !== null) await this.useToken(offered);
  }

  /** Connects; what the person wrote out or pasted only with a yes to exactly that. */
  async connect(target: Target): Promise<void> {
    const attempt = this.#attempt;
    if (target.kind === "own" && !(await this.#consents.has(target.params))) {
      if (attempt === this.#attempt) this.#set({ consent: target });
      return;
    }
    if (attempt === this.#attempt) await this.#start(target);
  }

  async giveConsent(): Promise<void> {
    const target = this.#view.consent;
    if (target === null) return;
    this.#set({ consent: null });
    await this.#consents.give(target.params);
    await this.#start(target);
  }

  refuseConsent(): void {
    this.#set({ consent: null });
  }

  /** Kept at once where there is none, so that a reload does not lose it; beside another it waits for its turn. */
  #take(token: string): void {
    const stored = storedToken();
    if (stored === token) return;
    if (stored !== undefined) {
      this.#offered = token;
      return;
    }
    storeToken(token);
    this.#isUnproven = true;
  }

  /** Reads the catalogue with the token of this tab; with the offered one only when the bridge refuses that. */
  async #knock(): Promise<View["catalogue"]["entries"]> {
    const url = bridgeUrl(document.baseURI);
    const offered = this.#offered;
    try {
      const entries = await servers({ url, token: storedToken() });
      this.#isUnproven = false;
      return entries;
    } catch (error) {
      if (offered === null || !isUnauthorized(error)) throw error;
    }
    const entries = await servers({ url, token: offered });
    storeToken(offered);
    this.#isUnproven = false;
    if (this.#offered === offered) this.#offered = null;
    return entries;
  }

  async #start(target: Target): Promise<void> {
    this.#leave();
    const attempt = ++this.#attempt;
    const abort = new AbortController();
    this.#abort = abort;
    this.#log = new FrameLog();
    this.#notifications = [];
    this.#stderr = [];
    this.#tools = new ToolMemory();
    this.#set({
      phase: "connecting",
      since: Date.now(),
      target,
      consent: null,
      server: null,
      failure: null,
      closed: null,
      listings: emptyListings(),
      asks: [],
      ...this.#logs(),
    });
    const isCurrent = (): boolean => attempt === this.#attempt;
    try {
      const session = await connect({
        ...(target.kind === "catalogue" ? { server: target.server, ...(target.inputs && { inputs: target.inputs }) } : { params: target.params }),
        url: bridgeUrl(document.baseURI),
        token: storedToken(),
        signal: abort.signal,
        capabilities: CAPABILITIES,
        clientInfo: { name: "footbridge-playground", title: "Footbridge playground", version: CLIENT_VERSION },
        handlers: {
          "elicitation/create": (params, { signal }) => this.#ask("elicitation", params as unknown as JsonObject, signal, attempt) as Promise<JsonObject & ElicitResult>,
          "sampling/createMessage": (params, { signal }) => this.#ask("sampling", params as unknown as JsonObject, signal, attempt) as Promise<JsonObject & SamplingResult>,
          "roots/list": () => ({ roots: this.#view.roots.map(({ uri, name }) => (name === "" ? { uri } : { uri, name })) }),
        },
        onState: (state) => {
          if (!isCurrent()) return;
          if (state === "starting") this.#enter("starting");
          // The first time there is more to do than to say so.
          if (this.#session !== null && (state === "ready" || state === "detached")) this.#enter(state);
        },
        onStderr: (line) => {
          if (isCurrent()) this.#noteStderr(line);
        },
        onFrame: (frame) => {
          if (!isCurrent()) return;
          this.#log.append(frame);
          this.#redrawSoon();
        },
      });
      if (!isCurrent()) {
        await session.close();
        return;
      }
      this.#opened(session, isCurrent);
    } catch (error) {
      if (!isCurrent()) return;
      this.#set({ phase: "idle", since: Date.now(), failure: error, needsToken: isUnauthorized(error), asks: [], ...this.#logs() });
    }
  }

  /** Gives up an attempt that has not become a session yet. */
  cancelConnect(): void {
    this.#leave();
    this.#set({ phase: "idle", since: Date.now(), failure: null });
  }

  disconnect(): void {
    this.#set({
      phase: "closed",
      since: Date.now(),
      closed: { code: 1000, reason: "You disconnected." },
      asks: [],
      ...this.#logs(),
    });
    this.#leave();
  }

  /** Back to the choice of servers. */
  forget(): void {
    this.#leave();
    this.#set({ phase: "idle", since: Date.now(), target: null, server: null, closed: null, failure: null, asks: [] });
    void this.loadCatalogue();
  }

  dismissFailure(): void {
    this.#set({ failure: null });
  }

  request(method: string, params?: JsonObject, options?: RequestOptions): Promise<JsonObject> {
    if (this.#session === null) return Promise.reject(new Error("There is no session: connect first."));
    return this.#session.request(method, params, options);
  }

  async refresh(name: ListName): Promise<void> {
    const attempt = this.#attempt;
    const { method, member, read } = LISTS[name];
    const before = this.#view.listings[name];
    this.#setListing(name, { ...before, status: "loading", error: null, stale: false });
    const items: unknown[] = [];
    let malformed = 0;
    try {
      let cursor: string | null = null;
      for (let page = 0; page < MAX_PAGES; page++) {
        const result: JsonObject = await this.request(method, cursor === null ? {} : { cursor });
        const found: Json | undefined = result[member];
        for (const item of Array.isArray(found) ? found : []) {
          const parsed = read(item);
          if (parsed === null) malformed += 1;
          else items.push(parsed);
        }
        const next: string | null = text(result["nextCursor"]);
        if (next === null || next === cursor) break;
        cursor = next;
      }
      if (attempt !== this.#attempt) return;
      const shown = name === "tools" ? this.#tools.compare(items as Tool[]) : items;
      this.#setListing(name, { status: "loaded", items: shown, malformed, error: null, stale: false });
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#setListing(name, { ...before, status: "failed", error });
    }
  }

  /** The person has seen what a tool has become. */
  acceptTool(tool: Tool): void {
    this.#tools.accept(tool);
    const { tools } = this.#view.listings;
    this.#setListing("tools", { ...tools, items: this.#tools.compare(tools.items) });
  }

  setRoots(roots: Root[]): void {
    this.#set({ roots });
    if (this.#view.phase === "ready") this.#session?.notify("notifications/roots/list_changed");
  }

  clearFrames(): void {
    this.#log.clear();
    this.#set(this.#logs());
  }

  clearNotifications(): void {
    this.#notifications = [];
    this.#set(this.#logs());
  }

  clearStderr(): void {
    this.#stderr = [];
    this.#set(this.#logs());
  }

  #opened(session: Session, isCurrent: () => boolean): void {
    this.#session = session;
    session.on("notification", ({ method, params }) => {
      if (isCurrent()) this.#noteNotification(method, params);
    });
    session.on("close", (info) => {
      if (!isCurrent()) return;
      this.#session = null;
      this.#set({ phase: "closed", since: Date.now(), closed: info, asks: [], ...this.#logs() });
    });
    // What a server says of itself has the types it should have only if the server is a good one.
    const said = session.serverInfo as unknown as Json;
    const info: JsonObject = isObject(said) ? said : {};
    this.#set({
      server: {
        name: text(info["name"]),
        title: text(info["title"]),
        version: text(info["version"]),
        websiteUrl: text(info["websiteUrl"]),
        protocolVersion: String(session.protocolVersion),
        transport: String(session.transport),
        capabilities: isObject(session.capabilities) ? session.capabilities : {},
        instructions: text(session.instructions),
        sessionId: session.id,
      },
    });
    this.#enter("ready");
    for (const [name, { capability }] of Object.entries(LISTS)) {
      if (isObject(session.capabilities[capability])) void this.refresh(name as ListName);
    }
  }

  #ask(kind: Ask["kind"], params: JsonObject, signal: AbortSignal, attempt: number): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      if (attempt !== this.#attempt) {
        reject(new Error("The page has left this session."));
        return;
      }
      const remove = (): void => this.#set({ asks: this.#view.asks.filter((other) => other !== ask) });
      const ask: Ask = {
        seq: this.#nextSeq++,
        kind,
        params,
        answer: (result) => {
          remove();
          resolve(result);
        },
        refuse: (reason) => {
          remove();
          // The code the MCP specification gives for a person's refusal.
          reject(Object.assign(new Error(reason), { rpcCode: -1 }));
        },
      };
      signal.addEventListener("abort", () => ask.refuse("The request was cancelled."), { once: true });
      this.#set({ asks: [...this.#view.asks, ask] });
    });
  }

  #noteNotification(method: string, params: JsonObject): void {
    this.#notifications.push({ seq: this.#nextSeq++, time: Date.now(), method, params: isObject(params) ? params : {} });
    if (this.#notifications.length > MAX_NOTIFICATIONS) this.#notifications.shift();
    const changed = /^notifications\/(tools|resources|prompts)\/list_changed$/.exec(method)?.[1];
    if (changed === "tools" || changed === "prompts" || changed === "resources") {
      this.#setListing(changed, { ...this.#view.listings[changed], stale: true });
      if (changed === "resources") this.#setListing("templates", { ...this.#view.listings.templates, stale: true });
    }
    this.#redrawSoon();
  }

  #noteStderr(line: string): void {
    this.#stderr.push(line);
    if (this.#stderr.length > MAX_STDERR_LINES) this.#stderr.shift();
    this.#redrawSoon();
  }

  #logs(): Pick<View, "frames" | "framesDropped" | "notifications" | "stderr"> {
    return {
      frames: this.#log.rows(),
      framesDropped: this.#log.dropped,
      notifications: this.#notifications.slice(),
      stderr: this.#stderr.slice(),
    };
  }

  #redrawSoon(): void {
    this.#redraw ??= window.setTimeout(() => {
      this.#redraw = null;
      this.#set(this.#logs());
    }, LOG_REDRAW);
  }

  #leave(): void {
    this.#attempt += 1;
    this.#abort?.abort();
    this.#abort = null;
    const session = this.#session;
    this.#session = null;
    // A session that is already gone has nothing left to close; the page has moved on either way.
    session?.close().catch(() => undefined);
  }

  #enter(phase: Phase): void {
    if (phase !== this.#view.phase) this.#set({ phase, since: Date.now() });
  }

  #setListing<K extends ListName>(name: K, listing: Listing<unknown>): void {
    this.#set({ listings: { ...this.#view.listings, [name]: listing } });
  }

  #set(patch: Partial<View>): void {
    this.#view = { ...this.#view, ...patch };
    for (const listener of this.#listeners) listener();
  }
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof FootbridgeError && (error.status === 401 || error.code === "unauthorized");
}
