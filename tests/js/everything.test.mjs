// The package's methods against real MCP servers, through the real bridge.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { FootbridgeError, connect } from "footbridge";

import { startCatalogue } from "./real.mjs";

let bridge;
before(async () => {
  bridge = await startCatalogue();
});
after(() => bridge?.stop());

async function open(t, server, options) {
  const session = await connect({ url: bridge.origin, token: bridge.token, server, ...options });
  t.after(() => session.close());
  return session;
}

const all = (iterable) => Array.fromAsync(iterable);
const texts = ({ content }) => content.map(({ text }) => text).join("\n");

test("every list, call and wish of the reference server works by its own method", async (t) => {
  const session = await open(t, "everything", {});
  const tools = await all(session.tools());
  assert.ok(tools.some(({ name, inputSchema }) => name === "get-sum" && inputSchema.properties.a.type === "number"));
  assert.match(texts(await session.callTool("get-sum", { a: 2, b: 40 })), /42/);
  const { structuredContent } = await session.callTool("get-structured-content", { location: "Chicago" });
  assert.equal(typeof structuredContent.temperature, "number");

  const resources = await all(session.resources());
  const [{ uri }] = resources;
  assert.equal((await session.readResource(uri)).contents[0].uri, uri);
  const templates = await all(session.resourceTemplates());
  assert.ok(templates.some(({ uriTemplate }) => uriTemplate.includes("{resourceId}")));
  const prompts = await all(session.prompts());
  assert.ok(prompts.some(({ name }) => name === "args-prompt"));
  const { messages } = await session.getPrompt("args-prompt", { city: "Oslo" });
  assert.match(messages[0].content.text, /Oslo/);
  const completion = await session.complete({ type: "ref/prompt", name: "completable-prompt" }, { name: "department", value: "E" });
  assert.deepEqual(completion.values, ["Engineering"]);
  await session.setLogLevel("debug");
  await session.ping();
  assert.deepEqual((await session.discover()).supportedVersions, [session.protocolVersion]);
  const wrong = await session.readResource("demo://nothing").catch((error) => error);
  assert.ok(wrong instanceof FootbridgeError);
  assert.equal(wrong.side, "server");
});

test("a resource that is subscribed to tells of its changes", async (t) => {
  const session = await open(t, "everything");
  const uri = "demo://resource/dynamic/text/1";
  const updates = session.events("notification");
  await session.subscribe(uri);
  await session.callTool("toggle-subscriber-updates");
  for await (const { method, params } of updates) {
    if (method === "notifications/resources/updated") {
      assert.equal(params.uri, uri);
      break;
    }
  }
  await session.unsubscribe(uri);
});

test("the user, a model and the roots are asked through typed handlers", async (t) => {
  const asked = [];
  const session = await open(t, "everything", {
    handlers: {
      "elicitation/create": (params) => {
        asked.push(params.mode ?? "form");
        return params.mode === "url" ? { action: "accept" } : { action: "accept", content: { name: "Ada" } };
      },
      "sampling/createMessage": ({ messages }) => ({ role: "assistant", model: "none", content: { type: "text", text: `heard ${messages.length}` } }),
      "roots/list": () => ({ roots: [{ uri: "file:///srv/photos", name: "photos" }] }),
    },
  });
  await all(session.tools());
  assert.match(texts(await session.callTool("trigger-elicitation-request")), /Ada/);
  assert.match(texts(await session.callTool("trigger-url-elicitation", { url: "https://example.com/" })), /accept/i);
  assert.match(texts(await session.callTool("trigger-sampling-request", { prompt: "x" })), /heard 1/);
  assert.match(texts(await session.callTool("get-roots-list")), /photos/);
  assert.deepEqual(asked, ["form", "url"]);
});

test("progress, an end in time and a signal reach a long call", async (t) => {
  const session = await open(t, "everything");
  const steps = [];
  const onProgress = ({ progress, total }) => steps.push([progress, total]);
  await session.callTool("trigger-long-running-operation", { duration: 0.2, steps: 2 }, { onProgress });
  assert.deepEqual(steps, [[1, 2], [2, 2]]);
  const long = { duration: 3_600, steps: 3_600 };
  const late = await session.callTool("trigger-long-running-operation", long, { maxTimeout: 50 }).catch((error) => error);
  assert.equal(late.code, "timeout");
  const given = await session.callTool("trigger-long-running-operation", long, { signal: AbortSignal.timeout(50) }).catch((error) => error);
  assert.equal(given.code, "aborted");
  await session.ping();
});

test("a tool of the reference server runs as a task, and its question is answered", async (t) => {
  let asked = 0;
  const session = await open(t, "everything", {
    handlers: { "elicitation/create": () => (asked++, { action: "accept", content: { interpretation: "technical" } }) },
  });
  const task = await session.startTask("simulate-research-query", { topic: "bridges", ambiguous: true }, { ttl: 60_000 });
  assert.equal(task.status, "working");
  assert.match(texts(await task.result()), /bridges/);
  assert.equal(asked, 1);
  assert.ok((await all(session.tasks())).some(({ taskId, status }) => taskId === task.taskId && status === "completed"));

  const second = await session.startTask("simulate-research-query", { topic: "x" });
  await second.cancel();
  const error = await second.result().catch((error) => error);
  assert.ok(error instanceof FootbridgeError, String(error));
});

test("the same methods work on a server that knows only the stateless revision", async (t) => {
  const session = await open(t, "modern");
  assert.equal(session.protocolVersion, "2026-07-28");
  assert.deepEqual((await all(session.tools())).map(({ name }) => name).sort(), ["echo", "slow"]);
  const result = await session.callTool("echo", { message: "é☕" });
  assert.deepEqual([texts(result), result.resultType], ["é☕", "complete"]);
  const steps = [];
  await session.callTool("slow", { steps: 2 }, { onProgress: ({ progress }) => steps.push(progress) });
  assert.deepEqual(steps, [1, 2]);
  assert.ok((await session.discover()).supportedVersions.includes("2026-07-28"));
  await session.ping();
  const task = await session.startTask("echo", { message: "at once" });
  assert.deepEqual([task.taskId, texts(await task.result())], [undefined, "at once"]);
});

test("URLs that the reference server wants visited first are shown to the user", async (t) => {
  const visited = [];
  const session = await open(t, "everything", {
    handlers: { "elicitation/create": ({ mode, url }) => (visited.push([mode, url]), { action: "accept" }) },
  });
  await all(session.tools());
  const args = { url: "https://example.com/", errorPath: true };
  // This server does not tell when the user is done, so the first call ends with its error; it counts as a visit.
  const error = await session.callTool("trigger-url-elicitation", args, { maxTimeout: 500 }).catch((error) => error);
  assert.equal(error.rpcCode, -32042);
  assert.deepEqual(visited, [["url", error.data.elicitations[0].url]]);
  assert.ok((await session.callTool("trigger-url-elicitation", args)).content.length > 0);
});
