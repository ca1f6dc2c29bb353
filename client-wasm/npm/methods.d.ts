/**
 * The methods of MCP, as methods of a session.
 * @module
 */
import type { CloseInfo, FrameEvent, HandlerOf, RequestOptions, SessionEvents, SessionState } from "./index.js";
import type {
  CallToolResult,
  Completion,
  DiscoverResult,
  GetPromptResult,
  JsonObject,
  ListPromptsResult,
  ListResourceTemplatesResult,
  ListResourcesResult,
  ListTasksResult,
  ListToolsResult,
  LogLevel,
  Meta,
  Prompt,
  PromptReference,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  ResourceTemplateReference,
  ServerNotifications,
  TaskInfo,
  TaskStatus,
  Tool,
} from "./mcp.js";

/** What a method can be given, besides its params. */
export interface MethodOptions extends RequestOptions {
  /** Goes with the request as `_meta`. */
  meta?: Meta;
}
/** What a list can be given. */
export interface PageOptions extends MethodOptions {
  /** The page to get, as `nextCursor` of the one before says. Default: the first. */
  cursor?: string;
}

/** A session's events for `addEventListener`. */
export interface SessionEventMap {
  /** The state changed. */
  state: CustomEvent<SessionState>;
  /** The MCP server tells something. */
  notification: CustomEvent<SessionEvents["notification"]>;
  /** A line of the server process's standard error. */
  stderr: CustomEvent<string>;
  /** A frame passed. */
  frame: CustomEvent<FrameEvent>;
  /** The session is over. */
  close: CustomEvent<CloseInfo>;
}

/**
 * Events as they come, for one reader: `for await (const event of session.events("notification"))`.
 * It listens from the start, keeps what is not yet read, and ends with the session, with its signal, or when the loop is left.
 * When more waits than it may keep, it gives what it has and then rejects with the code `"events_lost"`.
 */
export interface Events<T> extends AsyncIterableIterator<T> {
  /** The next event. */
  next(): Promise<IteratorResult<T, undefined>>;
  /** Stops listening. */
  return(): Promise<IteratorResult<T, undefined>>;
  /** Itself. */
  [Symbol.asyncIterator](): Events<T>;
}

/** What is waited for, and for how long. */
export interface TaskOptions {
  /** Stops waiting, with the code `"aborted"`. The task goes on: `cancel` ends it. */
  signal?: AbortSignal;
  /** ms that a single question about the task may take. */
  timeout?: number;
  /** ms that the task may take in all, with the code `"timeout"`. Default: none. */
  maxTimeout?: number;
  /** Goes with each request as `_meta`. */
  meta?: Meta;
}

/**
 * A tool that runs on at the MCP server, in either revision that has tasks.
 * What the server asks meanwhile goes to the session's handlers.
 */
export declare class Task {
  private constructor();
  /** Names the task; `undefined` when the server answered at once instead of making one. */
  readonly taskId: string | undefined;
  /** What the server last told of it. */
  readonly info: TaskInfo | undefined;
  /** How far it is, as far as is known here. */
  readonly status: TaskStatus | undefined;
  /** Asks the server how far it is. */
  refresh(options?: MethodOptions): Promise<TaskInfo | undefined>;
  /** Asks the server to stop. The task is over when its status says so. */
  cancel(options?: MethodOptions): Promise<void>;
  /** Waits for its end and gives the result of the tool. Rejects with `"server_error"` when the call failed, `"task_cancelled"` when it was cancelled. */
  result(options?: TaskOptions): Promise<CallToolResult>;
  /** Each change, until it is over. */
  statuses(options?: TaskOptions): AsyncGenerator<TaskInfo, void, undefined>;
}

/** What a session can do in the words of MCP. Each method rejects with a FootbridgeError. */
export declare abstract class Methods extends EventTarget {
  /** One page of the tools. */
  listTools(options?: PageOptions): Promise<ListToolsResult>;
  /** All tools, page by page as they are needed. */
  tools(options?: MethodOptions): AsyncGenerator<Tool, void, undefined>;
  /**
   * Calls a tool. A tool that failed has `isError` in its result; nothing is thrown then.
   * When the server makes a task of the call by itself (2026-07-28), it is waited for.
   */
  callTool(name: string, args?: JsonObject, options?: MethodOptions): Promise<CallToolResult>;

  /** One page of the resources. */
  listResources(options?: PageOptions): Promise<ListResourcesResult>;
  /** All resources, page by page as they are needed. */
  resources(options?: MethodOptions): AsyncGenerator<Resource, void, undefined>;
  /** One page of the resource templates. */
  listResourceTemplates(options?: PageOptions): Promise<ListResourceTemplatesResult>;
  /** All resource templates, page by page as they are needed. */
  resourceTemplates(options?: MethodOptions): AsyncGenerator<ResourceTemplate, void, undefined>;
  /** What is in a resource. */
  readResource(uri: string, options?: MethodOptions): Promise<ReadResourceResult>;
  /** Wants to be told when a resource changes, with `notifications/resources/updated`. */
  subscribe(uri: string, options?: MethodOptions): Promise<void>;
  /** No longer wants to be told. */
  unsubscribe(uri: string, options?: MethodOptions): Promise<void>;

  /** One page of the prompts. */
  listPrompts(options?: PageOptions): Promise<ListPromptsResult>;
  /** All prompts, page by page as they are needed. */
  prompts(options?: MethodOptions): AsyncGenerator<Prompt, void, undefined>;
  /** A prompt, with its arguments filled in. */
  getPrompt(name: string, args?: Record<string, string>, options?: MethodOptions): Promise<GetPromptResult>;

  /** How an argument of a prompt, or a variable of a resource template, could go on. */
  complete(
    ref: PromptReference | ResourceTemplateReference,
    argument: { name: string; value: string },
    options?: MethodOptions & {
      /** What is already known. Since 2025-06-18. */
      context?: { arguments?: Record<string, string> };
    },
  ): Promise<Completion>;
  /** From which level on the server's log is wanted, as `notifications/message`. */
  setLogLevel(level: LogLevel, options?: MethodOptions): Promise<void>;
  /** Whether the server answers. For one of 2026-07-28, which has no such method, the bridge answers. */
  ping(options?: MethodOptions): Promise<void>;
  /** What the server says of itself: from the server since 2026-07-28, else as the bridge heard it in the handshake. */
  discover(options?: MethodOptions): Promise<DiscoverResult>;

  /**
   * Calls a tool that may run for long, as a task, and does not wait for its end.
   * A server of 2026-07-28 decides by itself whether it makes a task of a call; `capabilities` of `connect` must have
   * `extensions: { "io.modelcontextprotocol/tasks": {} }` for that.
   */
  startTask(
    name: string,
    args?: JsonObject,
    options?: MethodOptions & {
      /** ms to keep the task for, from its beginning. Only 2025-11-25; the server may decide otherwise. */
      ttl?: number;
    },
  ): Promise<Task>;
  /** A task of which only the id is known, such as one from before. */
  task(taskId: string): Task;
  /** What the server tells of a task: `tasks/get`. */
  getTask(taskId: string, options?: MethodOptions): Promise<TaskInfo>;
  /** Waits for the result of a task: `tasks/result`. Only 2025-11-25. */
  getTaskResult(taskId: string, options?: MethodOptions): Promise<CallToolResult>;
  /** One page of the tasks. Only 2025-11-25. */
  listTasks(options?: PageOptions): Promise<ListTasksResult>;
  /** All tasks, page by page as they are needed. Only 2025-11-25. */
  tasks(options?: MethodOptions): AsyncGenerator<TaskInfo, void, undefined>;
  /** Answers what a task asks, by the keys of `inputRequests`. Only 2026-07-28; `Task.result` does it by itself. */
  updateTask(taskId: string, inputResponses: JsonObject, options?: MethodOptions): Promise<void>;
  /** Asks the server to stop a task: `tasks/cancel`. */
  cancelTask(taskId: string, options?: MethodOptions): Promise<TaskInfo | JsonObject>;

  /** Tells the server that `roots/list` would now be answered otherwise. */
  rootsChanged(): void;
  /** Listens to one kind of notification; returns a function that stops listening. */
  onNotification<M extends keyof ServerNotifications>(
    method: M,
    listener: (params: ServerNotifications[M]) => void,
  ): () => void;
  /** Answers a kind of server request from now on; `null` removes the handler. The capabilities stay as declared. */
  abstract onRequest<M extends string>(method: M, handler: HandlerOf<M> | null): void;

  /** The events of one type, for `for await`. */
  events<K extends keyof SessionEvents>(
    type: K,
    options?: {
      /** Ends the iteration. */
      signal?: AbortSignal;
      /** How many events may wait to be read. Default: 1024. */
      limit?: number;
    },
  ): Events<SessionEvents[K]>;
  /** Listens, as to any `EventTarget`; the event's `detail` is what `on` gives. */
  addEventListener<K extends keyof SessionEventMap>(
    type: K,
    listener: ((event: SessionEventMap[K]) => void) | { handleEvent(event: SessionEventMap[K]): void } | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Stops listening. */
  removeEventListener<K extends keyof SessionEventMap>(
    type: K,
    listener: ((event: SessionEventMap[K]) => void) | { handleEvent(event: SessionEventMap[K]): void } | null,
    options?: boolean | EventListenerOptions,
  ): void;
}
