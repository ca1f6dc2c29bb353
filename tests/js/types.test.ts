// The types as a program meets them. This file is compiled, never run.
import {
  type CallToolResult,
  type CatalogueEntry,
  type ClientNotifications,
  type ClientRequests,
  type CloseInfo,
  type Completion,
  type ElicitResult,
  FootbridgeError,
  type Json,
  type JsonObject,
  type LogMessage,
  type ResourceContents,
  Session,
  type SessionState,
  type SessionStatus,
  type Task,
  type Tool,
  connect,
  load,
  servers,
  status,
} from "footbridge";

const session: Session = await connect({ server: "demo" });
await connect({
  url: "http://127.0.0.1:8000",
  token: "secret",
  params: { type: "StdioServerParams", command: "node", args: ["x"], env: { A: "b" } },
  clientInfo: { name: "me", version: "1" },
  capabilities: { sampling: {} },
  handlers: {
    "roots/list": () => ({ roots: [] }),
    "sampling/createMessage": async (params, { method, signal }) => {
      signal.throwIfAborted();
      const [first] = params.messages;
      return { model: method, role: "assistant", content: first?.content ?? [] };
    },
    "elicitation/create": (params): ElicitResult => {
      if (params.mode === "url") return params.url.startsWith("https:") ? { action: "accept" } : { action: "decline" };
      const names: string[] = Object.keys(params.requestedSchema.properties);
      return { action: "accept", content: { names, field: params.requestedSchema.properties["a"]?.title ?? "" } };
    },
    "vendor/ask": (params: JsonObject) => ({ echo: params["x"] ?? null }),
  },
  resume: { key: "demo" },
  onState: (state, { reason }) => state === "detached" && reason === "offline",
  onFrame: ({ direction, text }) => console.log(direction === "in", text.length),
  timeout: 5_000,
  signal: AbortSignal.timeout(1_000),
});

const result: JsonObject = await session.request("tools/call", { name: "x" }, { timeout: 1 });
const member: Json | undefined = result["content"];
session.notify("notifications/roots/list_changed");
session.onRequest("roots/list", null);
const stop: () => void = session.on("notification", ({ method, params }) => {
  console.log(method.length, params["level"], member);
});
stop();
session.on("state", (state, { reason }) => console.log(state === "closed", reason?.length, session.resumed));
session.on("close", (info: CloseInfo) => info.error?.code);
const how: SessionStatus = await session.status();
const again: SessionStatus = await status({ sessionId: session.id });
const entries: CatalogueEntry[] = await servers();
await load(new URL("https://example.com/client_bg.wasm"));
console.log(how.connected, again["anything"], entries[0]?.transport);
const inputs = Object.fromEntries((entries[0]?.inputs ?? []).map(({ name, default: shown }) => [name, shown ?? ""]));
await connect({ server: "demo", inputs });
try {
  await session.close();
} catch (error) {
  if (error instanceof FootbridgeError && error.side === "bridge") console.log(error.rpcCode);
}

// Every method of MCP, with what it takes and gives.
for await (const tool of session.tools({ signal: AbortSignal.timeout(1) })) {
  const { name, inputSchema, outputSchema }: Tool = tool;
  console.log(name, inputSchema.properties?.["a"]?.["type"], outputSchema?.["type"], tool.annotations?.readOnlyHint);
}
const page = await session.listTools({ cursor: "x", meta: { trace: 1 } });
const cursor: string | undefined = page.nextCursor;
const called: CallToolResult = await session.callTool("add", { a: 1 }, {
  timeout: 1,
  maxTimeout: 2,
  onProgress: ({ progress, total, message }) => console.log(progress / (total ?? 1), message?.length),
});
for (const block of called.content) {
  if (block.type === "text") console.log(block.text.length);
  else if (block.type === "image" || block.type === "audio") console.log(block.data, block.mimeType);
  else if (block.type === "resource_link") console.log(block.uri, block.name);
  else if (block.resource.text !== undefined) console.log(block.resource.text.length);
  else console.log(block.resource.blob.length);
}
for await (const { uri, size } of session.resources()) console.log(uri, size ?? 0, cursor);
for await (const { uriTemplate } of session.resourceTemplates()) console.log(uriTemplate);
const { contents } = await session.readResource("file:///x");
const texts: string[] = contents.map((part: ResourceContents) => part.text ?? part.blob);
await session.subscribe("file:///x");
await session.unsubscribe("file:///x");
for await (const { name, arguments: args } of session.prompts()) console.log(name, args?.[0]?.required, texts);
const prompt = await session.getPrompt("x", { a: "b" });
console.log(prompt.messages[0]?.role === "user");
const completion: Completion = await session.complete(
  { type: "ref/prompt", name: "x" },
  { name: "a", value: "b" },
  { context: { arguments: { c: "d" } } },
);
console.log(completion.values.length);
await session.setLogLevel("warning");
await session.ping({ timeout: 1 });
console.log((await session.discover()).supportedVersions.length);
const task: Task = await session.startTask("slow", { a: 1 }, { ttl: 60_000 });
for await (const { status: now } of task.statuses({ maxTimeout: 1 })) console.log(now === "input_required");
const done: CallToolResult = await task.result();
await task.cancel();
await session.updateTask("t", { key: { action: "accept" } });
for await (const { taskId, ttl, ttlMs } of session.tasks()) console.log(taskId, ttl ?? ttlMs, done.isError);
console.log(session.capabilities.tools?.listChanged, session.serverInfo?.title, (await session.task("t").refresh())?.status);
session.rootsChanged();
const stopLog: () => void = session.onNotification("notifications/message", ({ level, data }: LogMessage) => {
  console.log(level === "emergency", data);
});
stopLog();
session.onNotification("notifications/resources/updated", ({ uri }) => uri.length);
session.onRequest("roots/list", () => ({ roots: [{ uri: "file:///x", name: "x" }] }));
session.onRequest("vendor/ask", (params, { signal }) => ({ echo: params["x"] ?? null, aborted: signal.aborted }));
session.addEventListener("state", ({ detail }) => detail === "ready", { once: true });
session.addEventListener("close", { handleEvent: ({ detail }) => void detail.error?.code });
const target: EventTarget = session;
for await (const { method, params } of session.events("notification", { limit: 10 })) console.log(method, params, target);
const events = session.events("state");
const state: SessionState | undefined = (await events.next()).value;
await events.return();
console.log(state);

const asked: ClientRequests["tools/call"]["params"] = { name: "x", task: { ttl: 1 }, inputResponses: { k: { action: "accept" } } };
const init: ClientRequests["initialize"]["params"] = {
  protocolVersion: "2025-11-25",
  capabilities: { roots: { listChanged: true }, extensions: { "io.modelcontextprotocol/tasks": {} } },
  clientInfo: { name: "x", version: "1", icons: [{ src: "https://x/", theme: "dark" }] },
};
const listen: ClientRequests["subscriptions/listen"]["params"] = { notifications: { resourceSubscriptions: ["x:y"] } };
const cancelled: ClientNotifications["notifications/cancelled"] = { requestId: 1, reason: "no" };
console.log(asked.name, init.clientInfo.name, listen.notifications, cancelled.reason);
// @ts-expect-error: a call names its tool
const unnamed: ClientRequests["tools/call"]["params"] = { arguments: {} };
// @ts-expect-error: there is no such method
type Missing = ClientRequests["tools/read"];
// @ts-expect-error: the level is one of eight
const loud: ClientRequests["logging/setLevel"]["params"] = { level: "loud" };
console.log(unnamed, loud);

// @ts-expect-error: a tool has a name
void session.callTool();
// @ts-expect-error: arguments are an object
void session.callTool("x", [1]);
// @ts-expect-error: there is no such level
void session.setLogLevel("loud");
// @ts-expect-error: arguments of a prompt are texts
void session.getPrompt("x", { a: 1 });
// @ts-expect-error: an image has no text
called.content.map((block) => block.type === "image" && block.text);
// @ts-expect-error: text or bytes, and one of them has to be asked for
texts.push(contents[0]?.text);
// @ts-expect-error: there is no such member in a result
called.contents;
// @ts-expect-error: a notification that MCP does not have goes through `on`
session.onNotification("notifications/else", () => {});
// @ts-expect-error: a log message has no uri
session.onNotification("notifications/message", ({ uri }) => uri);
// @ts-expect-error: roots are in an object
session.onRequest("roots/list", () => []);
// @ts-expect-error: there is no such action
void connect({ server: "x", handlers: { "elicitation/create": () => ({ action: "yes" }) } });
// @ts-expect-error: a model's answer names the model
void connect({ server: "x", handlers: { "sampling/createMessage": () => ({ role: "assistant", content: [] }) } });
// @ts-expect-error: a form has no url
void connect({ server: "x", handlers: { "elicitation/create": ({ url }) => ({ action: "accept" }) } });
// @ts-expect-error: a handler gives an object
void connect({ server: "x", handlers: { "vendor/ask": () => "text" } });
// @ts-expect-error: there is no such event
session.addEventListener("message", () => {});
// @ts-expect-error: the detail of a state is one of four
session.addEventListener("state", ({ detail }) => detail === "open");
// @ts-expect-error: there is no such event
session.events("message");
// @ts-expect-error: a task comes from the session
new session.task();
// @ts-expect-error: a time is a number
void session.ping({ maxTimeout: "1s" });
// @ts-expect-error: capabilities are objects
void connect({ server: "x", capabilities: { sampling: true } });
// @ts-expect-error: a result is not something to guess at
called.structuredContent.sum;

// @ts-expect-error: a method is needed
void session.request();
// @ts-expect-error: params are an object
void session.request("x", [1]);
// @ts-expect-error: a function is no JSON
void session.request("x", { f: () => 1 });
// @ts-expect-error: there is no such event
session.on("message", () => {});
// @ts-expect-error: a state is one of five
session.on("state", (state) => state === "open");
// @ts-expect-error: it is kept by a key, or not at all
void connect({ server: "demo", resume: "demo" });
// @ts-expect-error: who a session talks to is not assigned
session.id = "x";
// @ts-expect-error: a type names the params
void connect({ params: { command: "node" } });
// @ts-expect-error: connect needs options
void connect();
// @ts-expect-error: a status is that of a session
void status({ url: "/api/mcp" });
// @ts-expect-error: sessions come from connect
new Session();
// @ts-expect-error: an error is caught, not made
new FootbridgeError("x");
