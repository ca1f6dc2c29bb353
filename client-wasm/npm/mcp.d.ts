/**
 * What MCP servers and clients say to each other, in the revisions 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25
 * and 2026-07-28. What a revision does not have is optional; since when a member is there stands beside it.
 * @module
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json | undefined };
/** A JSON object. */
export type JsonObject = { [member: string]: Json | undefined };

/** Members of `_meta`: what extensions, tracing and the revision itself add. */
export type Meta = JsonObject;

/** Something that may carry `_meta`. */
export interface HasMeta {
  /** What extensions and the revision add. */
  _meta?: Meta;
}

/** What every result has. */
export interface Result extends HasMeta {
  /** Since 2026-07-28: `"complete"` for an ordinary result. */
  resultType?: string;
}

/** How long a result may be kept. Since 2026-07-28. */
export interface Cacheable {
  /** For so many ms the result may be used again. */
  ttlMs?: number;
  /** Whether others may see a kept result. */
  cacheScope?: "private" | "public";
}

/** A page of a list. */
export interface Page extends Result, Cacheable {
  /** Leads to the next page. An empty text is a cursor; none at all is the end. */
  nextCursor?: string;
}

/** An image for a person, to stand for a thing. Since 2025-11-25. */
export interface Icon {
  /** A URL: `https:`, or `data:` with the image itself. Not to be trusted more than the server. */
  src: string;
  /** The media type, when the URL does not say it. */
  mimeType?: string;
  /** Sizes such as `"48x48"`, or `"any"`. */
  sizes?: string[];
  /** The background it is made for. */
  theme?: "light" | "dark";
}

/** A name for programs and one for people. */
export interface Named {
  /** For programs. Before 2025-06-18 also for people. */
  name: string;
  /** For people. Since 2025-06-18. */
  title?: string;
}

/** A program that speaks MCP. */
export interface Implementation extends Named {
  /** Its version, in no particular form. */
  version: string;
  /** What it is. Since 2025-11-25. */
  description?: string;
  /** Its home. Since 2025-11-25. */
  websiteUrl?: string;
  /** Images that stand for it. Since 2025-11-25. */
  icons?: Icon[];
}

/** What a server can do. A member that is there is a capability, also when it is empty. */
export interface ServerCapabilities {
  /** It has tools. */
  tools?: {
    /** It tells when the list changes. */
    listChanged?: boolean;
  };
  /** It has resources. */
  resources?: {
    /** It tells when a resource that was subscribed to changes. */
    subscribe?: boolean;
    /** It tells when the list changes. */
    listChanged?: boolean;
  };
  /** It has prompts. */
  prompts?: {
    /** It tells when the list changes. */
    listChanged?: boolean;
  };
  /** It sends log messages. */
  logging?: JsonObject;
  /** It completes arguments. Since 2025-03-26. */
  completions?: JsonObject;
  /** Calls that run as tasks. Only 2025-11-25. */
  tasks?: {
    /** It lists tasks. */
    list?: JsonObject;
    /** It cancels tasks. */
    cancel?: JsonObject;
    /** Which requests can be tasks. */
    requests?: {
      /** Of the tools. */
      tools?: {
        /** `tools/call` can. */
        call?: JsonObject;
      };
    };
  };
  /** Beyond MCP, by name. */
  experimental?: { [name: string]: JsonObject };
  /** Extensions of MCP, by identifier, such as `io.modelcontextprotocol/tasks`. */
  extensions?: { [identifier: string]: JsonObject };
  /** What later revisions add. */
  [more: string]: Json | undefined;
}

/** What a client can do. A member that is there is a capability, also when it is empty. */
export interface ClientCapabilities {
  /** It says which roots it works in. */
  roots?: {
    /** It tells when they change. */
    listChanged?: boolean;
  };
  /** It asks a model for the server. */
  sampling?: {
    /** It takes `includeContext` other than `"none"`. Since 2025-11-25. */
    context?: JsonObject;
    /** It takes `tools`. Since 2025-11-25. */
    tools?: JsonObject;
  };
  /** It asks the user for the server. Since 2025-06-18. */
  elicitation?: {
    /** By a form. Empty capabilities mean this one. */
    form?: JsonObject;
    /** By a URL that the user visits. Since 2025-11-25. */
    url?: JsonObject;
  };
  /** What the server asks can be a task. Only 2025-11-25. */
  tasks?: {
    /** It lists tasks. */
    list?: JsonObject;
    /** It cancels tasks. */
    cancel?: JsonObject;
    /** Which requests can be tasks. */
    requests?: {
      /** Of sampling. */
      sampling?: {
        /** `sampling/createMessage` can. */
        createMessage?: JsonObject;
      };
      /** Of elicitation. */
      elicitation?: {
        /** `elicitation/create` can. */
        create?: JsonObject;
      };
    };
  };
  /** Beyond MCP, by name. */
  experimental?: { [name: string]: JsonObject };
  /** Extensions of MCP, by identifier: `{ "io.modelcontextprotocol/tasks": {} }` lets a server of 2026-07-28 make tasks. */
  extensions?: { [identifier: string]: JsonObject };
  /** What later revisions add. */
  [more: string]: Json | undefined;
}

/** What a server says of itself: `server/discover`. */
export interface DiscoverResult extends Result, Cacheable {
  /** The revisions that it speaks. */
  supportedVersions: string[];
  /** What it can do. */
  capabilities: ServerCapabilities;
  /** Its name and version, as the bridge heard them. A server of 2026-07-28 has them in `_meta`. */
  serverInfo?: Implementation | null;
  /** How it wishes to be used. */
  instructions?: string;
}

/** A JSON Schema, as far as it is that of an object's members. */
export type JsonSchema = JsonObject;

/** A JSON Schema of an object. */
export interface ObjectSchema {
  /** Arguments are an object. */
  type: "object";
  /** The dialect; absent means 2020-12. Since 2025-11-25. */
  $schema?: string;
  /** A schema of each member. */
  properties?: { [member: string]: JsonSchema };
  /** The members that must be there. */
  required?: string[];
  /** Whatever else JSON Schema has. */
  [keyword: string]: Json | undefined;
}

/** What a tool says about its own effects. Hints: no server has to tell the truth. Since 2025-03-26. */
export interface ToolAnnotations {
  /** A name for people, from before `title` of the tool itself. */
  title?: string;
  /** It changes nothing. */
  readOnlyHint?: boolean;
  /** It may destroy something. Default: `true`. */
  destructiveHint?: boolean;
  /** Doing it twice is like doing it once. */
  idempotentHint?: boolean;
  /** It reaches a world beyond the server. Default: `true`. */
  openWorldHint?: boolean;
}

/** A tool. */
export interface Tool extends Named, HasMeta {
  /** What it does, for a model. */
  description?: string;
  /** What its arguments look like. */
  inputSchema: ObjectSchema;
  /** What `structuredContent` of its results looks like. Since 2025-06-18; until 2025-11-25 it is that of an object. */
  outputSchema?: JsonSchema;
  /** What it says about its effects. */
  annotations?: ToolAnnotations;
  /** How it may be run. Only 2025-11-25. */
  execution?: {
    /** Whether a call can be, or has to be, a task. Default: `"forbidden"`. */
    taskSupport?: "forbidden" | "optional" | "required";
  };
  /** Images that stand for it. Since 2025-11-25. */
  icons?: Icon[];
}

/** Of a conversation: who speaks. */
export type Role = "user" | "assistant";

/** Whom something is for, and how much it matters. */
export interface Annotations {
  /** Whom it is for. */
  audience?: Role[];
  /** From 0, which nobody needs, to 1, which everybody does. */
  priority?: number;
  /** When it last changed, in ISO 8601. Since 2025-06-18. */
  lastModified?: string;
}

/** Text. */
export interface TextContent extends HasMeta {
  /** The kind of content. */
  type: "text";
  /** The text itself. */
  text: string;
  /** Whom it is for. */
  annotations?: Annotations;
}
/** An image. */
export interface ImageContent extends HasMeta {
  /** The kind of content. */
  type: "image";
  /** The bytes, in base64. */
  data: string;
  /** The media type. */
  mimeType: string;
  /** Whom it is for. */
  annotations?: Annotations;
}
/** Sound. Since 2025-03-26. */
export interface AudioContent extends HasMeta {
  /** The kind of content. */
  type: "audio";
  /** The bytes, in base64. */
  data: string;
  /** The media type. */
  mimeType: string;
  /** Whom it is for. */
  annotations?: Annotations;
}
/** A resource that can be read. Since 2025-06-18. */
export interface ResourceLink extends Resource {
  /** The kind of content. */
  type: "resource_link";
}
/** A resource with what is in it. */
export interface EmbeddedResource extends HasMeta {
  /** The kind of content. */
  type: "resource";
  /** The resource. */
  resource: ResourceContents;
  /** Whom it is for. */
  annotations?: Annotations;
}
/** A piece of what a tool or a prompt gives. */
export type ContentBlock = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource;

/** What a tool gave. A tool that failed gives a result too: look at `isError`. */
export interface CallToolResult extends Result {
  /** For a model or a person. */
  content: ContentBlock[];
  /** For programs, as `outputSchema` has it. Since 2025-06-18; until 2025-11-25 an object. */
  structuredContent?: Json;
  /** Whether the tool failed. Default: `false`. */
  isError?: boolean;
}
/** A page of tools. */
export interface ListToolsResult extends Page {
  /** The tools of this page. */
  tools: Tool[];
}

/** A resource. */
export interface Resource extends Named, HasMeta {
  /** Names the resource. */
  uri: string;
  /** What it is, for a model. */
  description?: string;
  /** The media type, if it is known. */
  mimeType?: string;
  /** The number of bytes, before base64. Since 2025-03-26. */
  size?: number;
  /** Whom it is for. */
  annotations?: Annotations;
  /** Images that stand for it. Since 2025-11-25. */
  icons?: Icon[];
}
/** A kind of resources. */
export interface ResourceTemplate extends Named, HasMeta {
  /** An RFC 6570 template of their URIs. */
  uriTemplate: string;
  /** What they are, for a model. */
  description?: string;
  /** The media type, if it is the same for all. */
  mimeType?: string;
  /** Whom they are for. */
  annotations?: Annotations;
  /** Images that stand for them. Since 2025-11-25. */
  icons?: Icon[];
}
/** What is in a resource, as text. */
export interface TextResourceContents extends HasMeta {
  /** Names what this is. */
  uri: string;
  /** The media type, if it is known. */
  mimeType?: string;
  /** The text. */
  text: string;
  /** Never there: this one has text. */
  blob?: undefined;
}
/** What is in a resource, as bytes. */
export interface BlobResourceContents extends HasMeta {
  /** Names what this is. */
  uri: string;
  /** The media type, if it is known. */
  mimeType?: string;
  /** The bytes, in base64. */
  blob: string;
  /** Never there: this one has bytes. */
  text?: undefined;
}
/** What is in a resource. */
export type ResourceContents = TextResourceContents | BlobResourceContents;
/** A page of resources. */
export interface ListResourcesResult extends Page {
  /** The resources of this page. */
  resources: Resource[];
}
/** A page of templates. */
export interface ListResourceTemplatesResult extends Page {
  /** The templates of this page. */
  resourceTemplates: ResourceTemplate[];
}
/** What is in a resource, which may be several things, such as the files of a folder. */
export interface ReadResourceResult extends Result, Cacheable {
  /** What is in it. */
  contents: ResourceContents[];
}

/** A prompt. */
export interface Prompt extends Named, HasMeta {
  /** What it is for. */
  description?: string;
  /** What it takes. */
  arguments?: PromptArgument[];
  /** Images that stand for it. Since 2025-11-25. */
  icons?: Icon[];
}
/** Something that a prompt takes: always a text. */
export interface PromptArgument extends Named {
  /** What it means. */
  description?: string;
  /** Whether it must be there. */
  required?: boolean;
}
/** A message of a prompt. */
export interface PromptMessage {
  /** Who speaks. */
  role: Role;
  /** What is said. */
  content: ContentBlock;
}
/** A page of prompts. */
export interface ListPromptsResult extends Page {
  /** The prompts of this page. */
  prompts: Prompt[];
}
/** A prompt, with its arguments filled in. */
export interface GetPromptResult extends Result {
  /** What it is for. */
  description?: string;
  /** The messages, in their order. */
  messages: PromptMessage[];
}

/** A prompt, whose argument is to be completed. */
export interface PromptReference {
  /** The kind of reference. */
  type: "ref/prompt";
  /** The prompt's name. */
  name: string;
  /** Its name for people. Since 2025-06-18. */
  title?: string;
}
/** A template, whose variable is to be completed. */
export interface ResourceTemplateReference {
  /** The kind of reference. */
  type: "ref/resource";
  /** The template's `uriTemplate`. */
  uri: string;
}
/** How an argument could go on. */
export interface Completion {
  /** At most 100, the best ones first. */
  values: string[];
  /** How many there are. */
  total?: number;
  /** Whether there are more than these. */
  hasMore?: boolean;
}

/** How much a log message matters, as in RFC 5424. */
export type LogLevel = "debug" | "info" | "notice" | "warning" | "error" | "critical" | "alert" | "emergency";
/** A message of the server's log. */
export interface LogMessage extends HasMeta {
  /** How much it matters. */
  level: LogLevel;
  /** The part of the server that says it. */
  logger?: string;
  /** What it says: a text, or whatever else. */
  data: Json;
}

/** How far a task is. The last three are the end. */
export type TaskStatus = "working" | "input_required" | "completed" | "failed" | "cancelled";
/** A task, as the server tells of it. The revision of 2025-11-25 has it in its core, that of 2026-07-28 as an extension. */
export interface TaskInfo extends Result {
  /** Names the task. */
  taskId: string;
  /** How far it is. */
  status: TaskStatus;
  /** The same in words. */
  statusMessage?: string;
  /** When it began, in ISO 8601. */
  createdAt: string;
  /** When it last changed, in ISO 8601. */
  lastUpdatedAt: string;
  /** ms after `createdAt` until the server may forget it; `null` is never. 2025-11-25. */
  ttl?: number | null;
  /** The same in 2026-07-28. */
  ttlMs?: number | null;
  /** ms to wait before asking again. 2025-11-25. */
  pollInterval?: number;
  /** The same in 2026-07-28. */
  pollIntervalMs?: number;
  /** What the server wants to know before it goes on, by key. 2026-07-28, with `"input_required"`. */
  inputRequests?: {
    [key: string]: {
      /** The request's method, such as `"elicitation/create"`. */
      method: string;
      /** Its params. */
      params?: JsonObject;
    };
  };
  /** The result of the call. 2026-07-28, with `"completed"`. */
  result?: JsonObject;
  /** The JSON-RPC error of the call. 2026-07-28, with `"failed"`. */
  error?: {
    /** JSON-RPC's code. */
    code: number;
    /** A sentence. */
    message: string;
    /** What else is known. */
    data?: Json;
  };
}
/** A page of tasks. Only 2025-11-25. */
export interface ListTasksResult extends Page {
  /** The tasks of this page. */
  tasks: TaskInfo[];
}

/** A member of a form: text. */
export interface StringField {
  /** The kind of value. */
  type: "string";
  /** A name for people. */
  title?: string;
  /** What it means. */
  description?: string;
  /** The least number of characters. */
  minLength?: number;
  /** The greatest number of characters. */
  maxLength?: number;
  /** What kind of text it is. */
  format?: "email" | "uri" | "date" | "date-time";
  /** The value to begin with. Since 2025-11-25. */
  default?: string;
}
/** A member of a form: a number. */
export interface NumberField {
  /** The kind of value. */
  type: "number" | "integer";
  /** A name for people. */
  title?: string;
  /** What it means. */
  description?: string;
  /** The least value. */
  minimum?: number;
  /** The greatest value. */
  maximum?: number;
  /** The value to begin with. Since 2025-11-25. */
  default?: number;
}
/** A member of a form: yes or no. */
export interface BooleanField {
  /** The kind of value. */
  type: "boolean";
  /** A name for people. */
  title?: string;
  /** What it means. */
  description?: string;
  /** The value to begin with. */
  default?: boolean;
}
/** A value with a name for people. */
export interface TitledValue {
  /** The value. */
  const: string;
  /** Its name for people. */
  title: string;
}
/** A member of a form: one of several values. */
export interface ChoiceField {
  /** The kind of value. */
  type: "string";
  /** A name for people. */
  title?: string;
  /** What it means. */
  description?: string;
  /** The values. */
  enum?: string[];
  /** Their names for people, in the same order. Before 2025-11-25. */
  enumNames?: string[];
  /** The values with their names, instead of `enum`. Since 2025-11-25. */
  oneOf?: TitledValue[];
  /** The value to begin with. Since 2025-11-25. */
  default?: string;
}
/** A member of a form: any number of several values. Since 2025-11-25. */
export interface MultipleChoiceField {
  /** The kind of value. */
  type: "array";
  /** A name for people. */
  title?: string;
  /** What it means. */
  description?: string;
  /** The least number of values. */
  minItems?: number;
  /** The greatest number of values. */
  maxItems?: number;
  /** What can be chosen. */
  items: {
    /** The kind of value. */
    type?: "string";
    /** The values. */
    enum?: string[];
    /** The values with their names, instead of `enum`. */
    anyOf?: TitledValue[];
  };
  /** The values to begin with. */
  default?: string[];
}
/** A member of a form. */
export type FormField = StringField | NumberField | BooleanField | ChoiceField | MultipleChoiceField;

/** The server asks the user to fill in a form. Since 2025-06-18. */
export interface ElicitFormParams extends HasMeta {
  /** Absent before 2025-11-25, and then a form too. */
  mode?: "form";
  /** What the server wants, for the user. */
  message: string;
  /** The form. */
  requestedSchema: {
    /** A form gives an object. */
    type: "object";
    /** The dialect of JSON Schema. */
    $schema?: string;
    /** The members of the form. */
    properties: { [name: string]: FormField };
    /** Those that must be filled in. */
    required?: string[];
  };
}
/** The server asks the user to visit a URL. Nothing may be opened that the user has not seen and agreed to. Since 2025-11-25. */
export interface ElicitUrlParams extends HasMeta {
  /** A URL, not a form. */
  mode: "url";
  /** Why, for the user. */
  message: string;
  /** Where to. */
  url: string;
  /** Names this wish in `notifications/elicitation/complete`. Only 2025-11-25. */
  elicitationId?: string;
}
/** What the server asks of the user: look at `mode`. */
export type ElicitParams = ElicitFormParams | ElicitUrlParams;
/** What the user answered. */
export interface ElicitResult extends HasMeta {
  /** `accept` the user agreed, `decline` said no, `cancel` did not decide. */
  action: "accept" | "decline" | "cancel";
  /** The form as it was filled in; only with `accept`, and not for a URL. */
  content?: { [name: string]: string | number | boolean | string[] };
}

/** A model wants a tool called. Since 2025-11-25. */
export interface ToolUseContent extends HasMeta {
  /** The kind of content. */
  type: "tool_use";
  /** Names this call. */
  id: string;
  /** The tool. */
  name: string;
  /** Its arguments. */
  input: JsonObject;
}
/** What that tool gave. Since 2025-11-25. */
export interface ToolResultContent extends HasMeta {
  /** The kind of content. */
  type: "tool_result";
  /** The call that it answers. */
  toolUseId: string;
  /** For a model. */
  content: ContentBlock[];
  /** For programs. */
  structuredContent?: Json;
  /** Whether the tool failed. */
  isError?: boolean;
}
/** A piece of a message to or from a model. */
export type SamplingContent = TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent;
/** A message to or from a model. */
export interface SamplingMessage extends HasMeta {
  /** Who speaks. */
  role: Role;
  /** What is said; several pieces since 2025-11-25. */
  content: SamplingContent | SamplingContent[];
}
/** Which model the server would like. */
export interface ModelPreferences {
  /** Parts of names of models, the best first. */
  hints?: {
    /** Part of a name. */
    name?: string;
  }[];
  /** How much it matters that it is cheap, from 0 to 1. */
  costPriority?: number;
  /** How much it matters that it is quick, from 0 to 1. */
  speedPriority?: number;
  /** How much it matters that it is able, from 0 to 1. */
  intelligencePriority?: number;
}
/** The server asks a model through the client. The user should see both the question and the answer. */
export interface SamplingParams extends HasMeta {
  /** The conversation. */
  messages: SamplingMessage[];
  /** Which model it would like. */
  modelPreferences?: ModelPreferences;
  /** What to tell the model first. */
  systemPrompt?: string;
  /** Whose context to add. */
  includeContext?: "none" | "thisServer" | "allServers";
  /** The temperature. */
  temperature?: number;
  /** The greatest number of tokens. */
  maxTokens: number;
  /** Texts to stop at. */
  stopSequences?: string[];
  /** Passed on to the provider of the model. */
  metadata?: JsonObject;
  /** Tools that the model may use. Since 2025-11-25. */
  tools?: Tool[];
  /** Whether it may, must or must not use them. Since 2025-11-25. */
  toolChoice?: {
    /** Default: `"auto"`. */
    mode?: "auto" | "required" | "none";
  };
}
/** What the model answered. */
export interface SamplingResult extends SamplingMessage {
  /** The model. */
  model: string;
  /** Why it stopped: `"endTurn"`, `"stopSequence"`, `"maxTokens"`, `"toolUse"`, or whatever its provider says. */
  stopReason?: string;
}

/** A place that the client works in. */
export interface Root extends HasMeta {
  /** A `file:` URI. */
  uri: string;
  /** A name for people. */
  name?: string;
}
/** The places that the client works in. */
export interface RootsResult extends HasMeta {
  /** The places. */
  roots: Root[];
}

/** How far a call is. */
export interface Progress {
  /** Grows. */
  progress: number;
  /** What it grows to, if that is known. */
  total?: number;
  /** The same in words. Since 2025-03-26. */
  message?: string;
}

/** What every request may have. */
export interface RequestParams extends HasMeta {
  /** Progress is asked for with `onProgress`; the token in `_meta` is then the session's. */
  _meta?: Meta;
}
/** The params of a list. */
export interface PageParams extends RequestParams {
  /** The page to get. Default: the first. */
  cursor?: string;
}
/** The params of what is about one resource. */
export interface ResourceParams extends RequestParams {
  /** The resource. */
  uri: string;
}
/** What a request brings along when it is sent again with answers (2026-07-28). The bridge does that for a session. */
export interface AnswersParams {
  /** The answers, by the keys of the questions. */
  inputResponses?: { [key: string]: JsonObject };
  /** What the server gave to be given back. */
  requestState?: string;
}
/** The params of `tools/call`. */
export interface CallToolParams extends RequestParams, AnswersParams {
  /** The tool. */
  name: string;
  /** Its arguments. */
  arguments?: JsonObject;
  /** Makes a task of the call. Only 2025-11-25. */
  task?: {
    /** ms to keep it for. */
    ttl?: number;
  };
}
/** The result of `tools/call` where a task was made of it: 2025-11-25. That of 2026-07-28 is a TaskInfo with the `resultType` `"task"`. */
export interface CreateTaskResult extends Result {
  /** The task. */
  task: TaskInfo;
}
/** The params of `prompts/get`. */
export interface GetPromptParams extends RequestParams, AnswersParams {
  /** The prompt. */
  name: string;
  /** Its arguments. */
  arguments?: { [name: string]: string };
}
/** The params of `completion/complete`. */
export interface CompleteParams extends RequestParams {
  /** What is to be completed. */
  ref: PromptReference | ResourceTemplateReference;
  /** Its argument or variable, as far as it is written. */
  argument: {
    /** Which one. */
    name: string;
    /** What is written. */
    value: string;
  };
  /** What is known. Since 2025-06-18. */
  context?: {
    /** The other arguments. */
    arguments?: { [name: string]: string };
  };
}
/** The result of `completion/complete`. */
export interface CompleteResult extends Result {
  /** How it could go on. */
  completion: Completion;
}
/** The params of `logging/setLevel`. */
export interface SetLevelParams extends RequestParams {
  /** From this level on. */
  level: LogLevel;
}
/** The params of what is about one task. */
export interface TaskParams extends RequestParams {
  /** The task. */
  taskId: string;
}
/** The params of `tasks/update`. */
export interface UpdateTaskParams extends TaskParams {
  /** The answers, by the keys of `inputRequests`. */
  inputResponses: { [key: string]: JsonObject };
}
/** The params of `initialize`, which the bridge sends for a session. Until 2025-11-25. */
export interface InitializeParams extends RequestParams {
  /** The newest revision that the client speaks. */
  protocolVersion: string;
  /** What it can do. */
  capabilities: ClientCapabilities;
  /** Who it is. */
  clientInfo: Implementation;
}
/** The result of `initialize`. */
export interface InitializeResult extends Result {
  /** The revision to speak. */
  protocolVersion: string;
  /** What the server can do. */
  capabilities: ServerCapabilities;
  /** Who it is. */
  serverInfo: Implementation;
  /** How it wishes to be used. Since 2025-03-26. */
  instructions?: string;
}
/** What to be told of (2026-07-28). */
export interface SubscriptionFilter {
  /** Changes of the list of tools. */
  toolsListChanged?: boolean;
  /** Changes of the list of prompts. */
  promptsListChanged?: boolean;
  /** Changes of the list of resources. */
  resourcesListChanged?: boolean;
  /** Changes of these resources. */
  resourceSubscriptions?: string[];
}
/** The params of `subscriptions/listen`, which the bridge sends for a session. Since 2026-07-28. */
export interface ListenParams extends RequestParams {
  /** What to be told of. */
  notifications: SubscriptionFilter;
}

/** What a client can ask, by method: its params, and the result. A session has a method for each but the first two and `subscriptions/listen`, which are the bridge's. */
export interface ClientRequests {
  /** The handshake. Until 2025-11-25. */
  initialize: Exchange<InitializeParams, InitializeResult>;
  /** Opens a stream of notifications. Since 2026-07-28. */
  "subscriptions/listen": Exchange<ListenParams, Result>;
  /** `discover`. Since 2026-07-28. */
  "server/discover": Exchange<RequestParams | undefined, DiscoverResult>;
  /** `ping`. Until 2025-11-25. */
  ping: Exchange<RequestParams | undefined, Result>;
  /** `listTools`, `tools`. */
  "tools/list": Exchange<PageParams | undefined, ListToolsResult>;
  /** `callTool`, `startTask`. */
  "tools/call": Exchange<CallToolParams, CallToolResult | CreateTaskResult | TaskInfo>;
  /** `listResources`, `resources`. */
  "resources/list": Exchange<PageParams | undefined, ListResourcesResult>;
  /** `listResourceTemplates`, `resourceTemplates`. */
  "resources/templates/list": Exchange<PageParams | undefined, ListResourceTemplatesResult>;
  /** `readResource`. */
  "resources/read": Exchange<ResourceParams & AnswersParams, ReadResourceResult>;
  /** `subscribe`. Until 2025-11-25; the bridge has it for every server. */
  "resources/subscribe": Exchange<ResourceParams, Result>;
  /** `unsubscribe`. Likewise. */
  "resources/unsubscribe": Exchange<ResourceParams, Result>;
  /** `listPrompts`, `prompts`. */
  "prompts/list": Exchange<PageParams | undefined, ListPromptsResult>;
  /** `getPrompt`. */
  "prompts/get": Exchange<GetPromptParams, GetPromptResult>;
  /** `complete`. */
  "completion/complete": Exchange<CompleteParams, CompleteResult>;
  /** `setLogLevel`. Until 2025-11-25; the bridge has it for every server. */
  "logging/setLevel": Exchange<SetLevelParams, Result>;
  /** `getTask`. */
  "tasks/get": Exchange<TaskParams, TaskInfo>;
  /** `getTaskResult`. Only 2025-11-25. */
  "tasks/result": Exchange<TaskParams, CallToolResult>;
  /** `listTasks`, `tasks`. Only 2025-11-25. */
  "tasks/list": Exchange<PageParams | undefined, ListTasksResult>;
  /** `updateTask`. Only 2026-07-28. */
  "tasks/update": Exchange<UpdateTaskParams, Result>;
  /** `cancelTask`. */
  "tasks/cancel": Exchange<TaskParams, TaskInfo | Result>;
}
/** What is sent, and what is answered. */
export interface Exchange<P, R> {
  /** What is sent. */
  params: P;
  /** What is answered. */
  result: R;
}
/** What a client can tell, by method: its params. `rootsChanged` sends the last; the session itself the others. */
export interface ClientNotifications {
  /** The handshake is over. Until 2025-11-25. */
  "notifications/initialized": HasMeta | undefined;
  /** An answer is no longer wanted. */
  "notifications/cancelled": HasMeta & {
    /** The request. */
    requestId?: string | number;
    /** Why, for people. */
    reason?: string;
  };
  /** How far the client is with what the server asked. Until 2025-11-25. */
  "notifications/progress": HasMeta & Progress & {
    /** Names the request. */
    progressToken: string | number;
  };
  /** `roots/list` would now be answered otherwise. Until 2025-11-25. */
  "notifications/roots/list_changed": HasMeta | undefined;
}

/** What a server asks, by method: its params, and the result it expects. */
export interface ServerRequests {
  /** Asks the user. */
  "elicitation/create": Exchange<ElicitParams, ElicitResult>;
  /** Asks a model. */
  "sampling/createMessage": Exchange<SamplingParams, SamplingResult>;
  /** Asks for the roots. */
  "roots/list": Exchange<HasMeta, RootsResult>;
}

/** What a server tells, by method: its params. */
export interface ServerNotifications {
  /** The list of tools changed. */
  "notifications/tools/list_changed": HasMeta;
  /** The list of resources changed. */
  "notifications/resources/list_changed": HasMeta;
  /** The list of prompts changed. */
  "notifications/prompts/list_changed": HasMeta;
  /** A resource that was subscribed to changed. */
  "notifications/resources/updated": HasMeta & {
    /** The resource, or a part of it. */
    uri: string;
  };
  /** The server's log. */
  "notifications/message": LogMessage;
  /** A call that nobody listens to with `onProgress` is so far. */
  "notifications/progress": HasMeta & Progress & {
    /** Names the call. */
    progressToken: string | number;
  };
  /** The user is done at a URL. Only 2025-11-25. */
  "notifications/elicitation/complete": HasMeta & {
    /** As in the request. */
    elicitationId: string;
  };
  /** A task changed. Only 2025-11-25. */
  "notifications/tasks/status": TaskInfo;
}
