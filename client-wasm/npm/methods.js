import { FootbridgeError, misuse } from "./error.js";
import { Events, Listening } from "./events.js";
import { HANDLERS } from "./handlers.js";
import { Task, followed } from "./tasks.js";
import { withUrls } from "./urls.js";

/** The params of a request: what is `undefined` is left out, `meta` becomes `_meta`. */
function paramsOf(members, { meta } = {}) {
  if (meta !== undefined) members._meta = meta;
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

/** A result of a kind that nobody knows must not be taken for an ordinary one (MCP 2026-07-28, `resultType`). */
function complete(method, result) {
  const { resultType = "complete" } = result;
  if (resultType === "complete") return result;
  throw new FootbridgeError({
    message: `${method} was answered with a result of the kind ${JSON.stringify(resultType)}, which this package does not know`,
    code: "unexpected_result",
    side: "server",
    hint: "`request` gives it as it is",
  });
}

/** Every item of a paginated list, page by page, as they are asked for. */
async function* items(list, member, options) {
  const seen = new Set();
  for (let cursor; ; ) {
    const page = await list({ ...options, cursor });
    yield* page[member] ?? [];
    cursor = page.nextCursor;
    // An empty cursor is one; only none at all is the end.
    if (cursor === undefined || cursor === null) return;
    if (seen.has(cursor)) {
      throw new FootbridgeError({
        message: `the MCP server leads in a circle: it gave the cursor of a page of ${member} twice`,
        code: "unexpected_result",
        side: "server",
      });
    }
    seen.add(cursor);
  }
}

/**
 * What MCP calls its methods, as methods. Everything goes through `request`, `notify`, `on` and `onRequest`
 * of the session that extends this; nothing here knows of sockets.
 */
export class Methods extends EventTarget {
  [HANDLERS] = new Map();
  #listening = new Listening(this);

  listTools(options) {
    return this.#page("tools/list", options);
  }
  tools(options) {
    return items((page) => this.listTools(page), "tools", options);
  }
  async callTool(name, args, options) {
    const params = paramsOf({ name, arguments: args }, options);
    const result = await withUrls(this, "tools/call", params, options);
    return result.resultType === "task" ? followed(new Task(this, result), options) : complete("tools/call", result);
  }

  listResources(options) {
    return this.#page("resources/list", options);
  }
  resources(options) {
    return items((page) => this.listResources(page), "resources", options);
  }
  listResourceTemplates(options) {
    return this.#page("resources/templates/list", options);
  }
  resourceTemplates(options) {
    return items((page) => this.listResourceTemplates(page), "resourceTemplates", options);
  }
  async readResource(uri, options) {
    const params = paramsOf({ uri }, options);
    return complete("resources/read", await withUrls(this, "resources/read", params, options));
  }
  async subscribe(uri, options) {
    await this.#ask("resources/subscribe", { uri }, options);
  }
  async unsubscribe(uri, options) {
    await this.#ask("resources/unsubscribe", { uri }, options);
  }

  listPrompts(options) {
    return this.#page("prompts/list", options);
  }
  prompts(options) {
    return items((page) => this.listPrompts(page), "prompts", options);
  }
  async getPrompt(name, args, options) {
    const params = paramsOf({ name, arguments: args }, options);
    return complete("prompts/get", await withUrls(this, "prompts/get", params, options));
  }

  async complete(ref, argument, { context, ...options } = {}) {
    const { completion } = await this.#ask("completion/complete", { ref, argument, context }, options);
    return completion;
  }
  async setLogLevel(level, options) {
    await this.#ask("logging/setLevel", { level }, options);
  }
  async ping(options) {
    await this.#ask("ping", {}, options);
  }
  async discover(options) {
    if (this.protocolVersion >= "2026-07-28") return this.#ask("server/discover", {}, options);
    // The earlier revisions have no such method, and the bridge has the same facts from the handshake.
    const { capabilities, serverInfo, instructions, protocolVersion } = this;
    const found = { supportedVersions: [protocolVersion], capabilities, serverInfo };
    return instructions === null ? found : { ...found, instructions };
  }

  async startTask(name, args, { ttl, ...options } = {}) {
    const stateless = this.protocolVersion >= "2026-07-28";
    const task = stateless ? undefined : paramsOf({ ttl }) ?? {};
    const params = paramsOf({ name, arguments: args, task }, options);
    const result = await withUrls(this, "tools/call", params, options);
    if (result.resultType === "task") return new Task(this, result);
    if (result.task) return new Task(this, result.task);
    // A server need not make a task of it: what is done is done.
    return new Task(this, undefined, complete("tools/call", result));
  }
  task(taskId) {
    if (typeof taskId !== "string") throw misuse("`taskId` must be a string");
    return new Task(this, { taskId });
  }
  getTask(taskId, options) {
    return this.#ask("tasks/get", { taskId }, options);
  }
  getTaskResult(taskId, options) {
    return this.#ask("tasks/result", { taskId }, options);
  }
  listTasks(options) {
    return this.#page("tasks/list", options);
  }
  tasks(options) {
    return items((page) => this.listTasks(page), "tasks", options);
  }
  async updateTask(taskId, inputResponses, options) {
    await this.#ask("tasks/update", { taskId, inputResponses }, options);
  }
  cancelTask(taskId, options) {
    return this.#ask("tasks/cancel", { taskId }, options);
  }

  rootsChanged() {
    this.notify("notifications/roots/list_changed");
  }
  onNotification(method, listener) {
    return this.on("notification", (heard) => {
      if (heard.method === method) listener(heard.params);
    });
  }
  events(type, options) {
    return new Events(this, type, options);
  }
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
    this.#listening.add(type, listener, options);
  }
  removeEventListener(type, listener, options) {
    super.removeEventListener(type, listener, options);
    this.#listening.remove(type, listener, options);
  }

  #page(method, { cursor, ...options } = {}) {
    return this.#ask(method, { cursor }, options);
  }
  async #ask(method, members, options) {
    return complete(method, await this.request(method, paramsOf(members, options), options));
  }
}
