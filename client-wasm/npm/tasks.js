import { FootbridgeError, misuse } from "./error.js";
import { HANDLERS } from "./handlers.js";

const OVER = new Set(["completed", "failed", "cancelled"]);

/** How long to wait before asking again when the MCP server names no time, and the bounds of what it may name, in ms. */
const PAUSE = { usual: 1_000, least: 50, most: 60_000 };

/** A pause that an `AbortSignal` cuts short. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(Math.max(ms, PAUSE.least), PAUSE.most));
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}

const failure = (message, code, side, more) => new FootbridgeError({ message, code, side, ...more });

/**
 * A tool that runs on at the MCP server. The two revisions that have tasks spell them differently; here they are
 * one: `tasks/result` of 2025-11-25 and the result inside `tasks/get` of the extension of 2026-07-28.
 */
export class Task {
  #session;
  #info;
  #result;
  /** The questions that were answered: a server repeats them until it has seen the answer. */
  #answered = new Set();

  constructor(session, info, result) {
    this.#session = session;
    this.#info = info;
    this.#result = result;
  }

  get taskId() {
    return this.#info?.taskId;
  }
  get info() {
    return this.#info;
  }
  get status() {
    return this.#result ? "completed" : this.#info.status;
  }

  async refresh(options) {
    if (this.#info) this.#info = await this.#session.getTask(this.taskId, options);
    return this.#info;
  }

  async cancel(options) {
    if (!this.#info) throw misuse("the MCP server made no task of this call: it is done already");
    await this.#session.cancelTask(this.taskId, options);
  }

  async result(options = {}) {
    if (this.#result) return this.#result;
    for await (const { status } of this.statuses(options)) {
      // The revision of 2025 asks its questions while `tasks/result` waits, and not before.
      if (status === "input_required" && !this.#isStateless) break;
    }
    this.#result = this.#isStateless ? this.#outcome() : await this.#session.getTaskResult(this.taskId, options);
    return this.#result;
  }

  /** Each change of the task until it is over. */
  async *statuses({ signal, timeout, maxTimeout, meta } = {}) {
    if (!this.#info) return;
    const until = maxTimeout === undefined ? Infinity : Date.now() + maxTimeout;
    for (let told; ; ) {
      if (signal?.aborted) throw failure("the task is no longer waited for", "aborted", "browser");
      const left = until - Date.now();
      if (left <= 0) throw failure(`the task was not done within ${maxTimeout} ms`, "timeout", "browser");
      await this.refresh({ signal, timeout, meta, ...(left < Infinity && { maxTimeout: left }) });
      const { status, statusMessage, lastUpdatedAt } = this.#info;
      const now = JSON.stringify([status, statusMessage, lastUpdatedAt]);
      if (now !== told) yield this.#info;
      told = now;
      if (OVER.has(status)) return;
      if (status === "input_required" && this.#isStateless) await this.#answer(signal);
      const { pollIntervalMs, pollInterval } = this.#info;
      await pause(Math.min(pollIntervalMs ?? pollInterval ?? PAUSE.usual, until - Date.now()), signal);
    }
  }

  get #isStateless() {
    return this.#session.protocolVersion >= "2026-07-28";
  }

  #outcome() {
    const { status, statusMessage, result, error } = this.#info;
    if (status === "completed") return result;
    if (status === "failed") {
      const { code: rpcCode, message = statusMessage ?? "the task failed", data } = error ?? {};
      throw failure(message, "server_error", "server", { rpcCode, data });
    }
    throw failure(statusMessage ?? "the task was cancelled", "task_cancelled", "server");
  }

  /** Gives the page's answers to what the MCP server asks inside a task. */
  async #answer(signal = new AbortController().signal) {
    const asked = Object.entries(this.#info.inputRequests ?? {}).filter(([key]) => !this.#answered.has(key));
    const answers = asked.map(async ([key, { method, params = {} }]) => {
      const handler = this.#session[HANDLERS].get(method);
      if (!handler) throw failure(`the task asks for ${method}, and there is no handler for it`, "no_handler", "browser");
      return [key, await handler(params, { method, signal })];
    });
    if (answers.length === 0) return;
    const responses = Object.fromEntries(await Promise.all(answers));
    await this.#session.updateTask(this.taskId, responses, { signal });
    for (const [key] of asked) this.#answered.add(key);
  }
}

/** The result of a task that the MCP server made of an ordinary call. Who gives the call up gives the task up. */
export async function followed(task, options = {}) {
  try {
    return await task.result(options);
  } catch (error) {
    const isOurs = error instanceof FootbridgeError && ["aborted", "timeout", "no_handler"].includes(error.code);
    // The caller hears why; what the server says to the cancellation changes nothing.
    if (isOurs) await task.cancel().catch(() => {});
    throw error;
  }
}
