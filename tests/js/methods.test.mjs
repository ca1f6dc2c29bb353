// MCP's methods as methods of a session: what they put on the wire, and what they make of the answers.
import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "footbridge";

import { INITIALIZED, SESSION, bridge, failure } from "./bridge.mjs";

/** A session that is ready, and the bridge's end of its socket. `told` replaces what `initialized` says. */
async function open(t, { told = {}, ...options } = {}) {
  const attach = (peer) => {
    peer.send({ type: "state", state: "ready", session_id: SESSION });
    peer.send({ ...INITIALIZED, ...told });
  };
  const { url, peer } = await bridge(t, { attach });
  const session = await connect({ url, server: "demo", ...options });
  return { session, peer: await peer };
}

/** Speaks for a server of the stateless revision. */
const stateless = { told: { protocol_version: "2026-07-28", era: "modern" } };

/** Answers the page's next frame, which must be a call of `method`, and gives its params. */
async function serve(peer, method, result) {
  const frame = await peer.receive();
  assert.equal(frame.method, method);
  peer.result(frame.id, result);
  return frame.params;
}

async function collect(iterable) {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
}

test("each method sends the request it is named after and gives what the server answered", async (t) => {
  const { session, peer } = await open(t);
  const page = { cursor: "c" };
  const _meta = { trace: "t" };
  const result = { content: [{ type: "text", text: "5" }], later: 1 };
  const cases = [
    [() => session.listTools(), "tools/list", undefined, { tools: [] }],
    [() => session.listTools(page), "tools/list", page, { tools: [] }],
    [() => session.listTools({ meta: _meta }), "tools/list", { _meta }, { tools: [] }],
    [() => session.callTool("add"), "tools/call", { name: "add" }, result],
    [() => session.callTool("add", { a: 1 }, { meta: _meta }), "tools/call", { name: "add", arguments: { a: 1 }, _meta }, result],
    [() => session.listResources(page), "resources/list", page, { resources: [] }],
    [() => session.listResourceTemplates(page), "resources/templates/list", page, { resourceTemplates: [] }],
    [() => session.readResource("x:y"), "resources/read", { uri: "x:y" }, { contents: [] }],
    [() => session.listPrompts(page), "prompts/list", page, { prompts: [] }],
    [() => session.getPrompt("p", { a: "b" }), "prompts/get", { name: "p", arguments: { a: "b" } }, { messages: [] }],
    [() => session.getTask("t"), "tasks/get", { taskId: "t" }, { taskId: "t", status: "working" }],
    [() => session.getTaskResult("t"), "tasks/result", { taskId: "t" }, result],
    [() => session.listTasks(page), "tasks/list", page, { tasks: [] }],
    [() => session.cancelTask("t"), "tasks/cancel", { taskId: "t" }, { taskId: "t", status: "cancelled" }],
  ];
  for (const [act, method, params, answer] of cases) {
    const acted = act();
    assert.deepEqual(await serve(peer, method, answer), params, method);
    assert.deepEqual(await acted, answer, method);
  }
  const silent = [
    [() => session.subscribe("x:y"), "resources/subscribe", { uri: "x:y" }],
    [() => session.unsubscribe("x:y"), "resources/unsubscribe", { uri: "x:y" }],
    [() => session.setLogLevel("error"), "logging/setLevel", { level: "error" }],
    [() => session.ping(), "ping", undefined],
    [() => session.updateTask("t", { k: { action: "accept" } }), "tasks/update", { taskId: "t", inputResponses: { k: { action: "accept" } } }],
  ];
  for (const [act, method, params] of silent) {
    const acted = act();
    assert.deepEqual(await serve(peer, method, {}), params, method);
    assert.equal(await acted, undefined, method);
  }
  session.rootsChanged();
  assert.deepEqual(await peer.receive(), { jsonrpc: "2.0", method: "notifications/roots/list_changed" });
});

test("a completion gives the values, and sends the context that is known", async (t) => {
  const { session, peer } = await open(t);
  const ref = { type: "ref/resource", uri: "file:///{a}" };
  const context = { arguments: { b: "c" } };
  const completed = session.complete(ref, { name: "a", value: "x" }, { context });
  const params = await serve(peer, "completion/complete", { completion: { values: ["xy"], hasMore: true } });
  assert.deepEqual(params, { ref, argument: { name: "a", value: "x" }, context });
  assert.deepEqual(await completed, { values: ["xy"], hasMore: true });
});

test("a list is followed from page to page, only as far as it is read", async (t) => {
  const { session, peer } = await open(t);
  const all = collect(session.tools({ meta: { trace: 1 } }));
  assert.deepEqual(await serve(peer, "tools/list", { tools: [{ name: "a" }, { name: "b" }], nextCursor: "" }), { _meta: { trace: 1 } });
  // An empty cursor leads to a page like any other.
  assert.deepEqual(await serve(peer, "tools/list", { tools: [], nextCursor: "2" }), { cursor: "", _meta: { trace: 1 } });
  await serve(peer, "tools/list", { tools: [{ name: "c" }] });
  assert.deepEqual((await all).map(({ name }) => name), ["a", "b", "c"]);

  const first = (async () => {
    for await (const { name } of session.prompts()) return name;
  })();
  await serve(peer, "prompts/list", { prompts: [{ name: "only" }], nextCursor: "more" });
  assert.equal(await first, "only");
  assert.equal(peer.unread, 0);

  for (const [list, method, member] of [
    [session.resources(), "resources/list", "resources"],
    [session.resourceTemplates(), "resources/templates/list", "resourceTemplates"],
    [session.tasks(), "tasks/list", "tasks"],
  ]) {
    const items = collect(list);
    await serve(peer, method, { [member]: [1] });
    assert.deepEqual(await items, [1]);
  }
});

test("a list that leads in a circle ends with an error", async (t) => {
  const { session, peer } = await open(t);
  const all = failure(collect(session.resources()));
  for (const nextCursor of ["a", "b", "a"]) await serve(peer, "resources/list", { resources: [], nextCursor });
  const { code, side } = await all;
  assert.deepEqual([code, side], ["unexpected_result", "server"]);
});

test("a result of an unknown kind is not taken for an ordinary one", async (t) => {
  const { session, peer } = await open(t, stateless);
  const called = failure(session.callTool("x"));
  await serve(peer, "tools/call", { resultType: "riddle", content: [] });
  assert.match((await called).message, /"riddle"/);
  const listed = session.listTools();
  await serve(peer, "tools/list", { resultType: "complete", tools: [], ttlMs: 5, cacheScope: "private" });
  assert.equal((await listed).ttlMs, 5);
});

test("discovery asks a server that has it, and else tells what the handshake told", async (t) => {
  const { session } = await open(t);
  assert.deepEqual(await session.discover(), {
    supportedVersions: ["2025-11-25"],
    capabilities: INITIALIZED.capabilities,
    serverInfo: INITIALIZED.server_info,
    instructions: "Be kind.",
  });
  const later = await open(t, stateless);
  const found = later.session.discover();
  await serve(later.peer, "server/discover", { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: {} });
  assert.deepEqual((await found).supportedVersions, ["2026-07-28"]);
});

test("progress prolongs a call up to its hard end, and no further", async (t) => {
  const { session, peer } = await open(t);
  const told = [];
  const called = failure(session.callTool("slow", {}, { timeout: 60_000, maxTimeout: 200, onProgress: ({ progress }) => told.push(progress) }));
  const { id, params } = await peer.receive();
  const beat = setInterval(() => {
    const progressToken = params._meta.progressToken;
    peer.send({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress: told.length } });
  }, 10);
  t.after(() => clearInterval(beat));
  const error = await called;
  clearInterval(beat);
  assert.equal(error.code, "timeout");
  assert.match(error.message, /tools\/call was not done within 200 ms/);
  const cancelled = await peer.receive();
  assert.deepEqual([cancelled.method, cancelled.params.requestId], ["notifications/cancelled", id]);
  assert.ok(told.length > 0);
  assert.equal((await failure(session.ping({ maxTimeout: "1s" }))).code, "bad_request");
});

test("a call that ends in time leaves no timer behind", async (t) => {
  const { session, peer } = await open(t);
  const set = t.mock.method(globalThis, "setTimeout");
  const cleared = t.mock.method(globalThis, "clearTimeout");
  const called = session.ping({ maxTimeout: 86_400_000 });
  await serve(peer, "ping", {});
  await called;
  const timers = set.mock.calls.filter(({ arguments: [, ms] }) => ms === 86_400_000).map(({ result }) => result);
  assert.equal(timers.length, 1);
  assert.ok(cleared.mock.calls.some(({ arguments: [timer] }) => timer === timers[0]));
});

test("listeners of a kind of notification hear that kind", async (t) => {
  const { session, peer } = await open(t);
  const heard = [];
  const stop = session.onNotification("notifications/resources/updated", ({ uri }) => heard.push(uri));
  const tell = (method, params) => peer.send({ jsonrpc: "2.0", method, params });
  const all = session.events("notification");
  tell("notifications/message", { level: "info", data: 1 });
  tell("notifications/resources/updated", { uri: "a" });
  await all.next();
  await all.next();
  stop();
  tell("notifications/resources/updated", { uri: "b" });
  assert.deepEqual((await all.next()).value, { method: "notifications/resources/updated", params: { uri: "b" } });
  assert.deepEqual(heard, ["a"]);
});

test("a session is an EventTarget", async (t) => {
  const { session, peer } = await open(t);
  assert.ok(session instanceof EventTarget);
  const heard = [];
  const lines = (event) => heard.push(event);
  const aborted = new AbortController();
  session.addEventListener("stderr", lines);
  session.addEventListener("stderr", lines); // The same listener counts once.
  session.addEventListener("stderr", { handleEvent: ({ detail }) => heard.push(`object ${detail}`) }, { once: true });
  session.addEventListener("stderr", () => heard.push("never"), { signal: aborted.signal });
  aborted.abort();
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: true });
  peer.send({ type: "stderr", line: "one" });
  await new Promise((resolve) => session.addEventListener("stderr", resolve, { once: true }));
  const [event, object] = heard;
  assert.ok(event instanceof CustomEvent);
  assert.deepEqual([event.type, event.detail, event.target, object], ["stderr", "one", session, "object one"]);
  assert.equal(heard.length, 2);
  session.removeEventListener("stderr", lines);
  // Nobody listens any more, and the bridge is told so.
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: false });
  session.addEventListener("close", ({ detail }) => heard.push(detail.code));
  await session.close();
  assert.deepEqual(heard.slice(2), [1000]);
});

test("a listener that is aborted or has had its one event no longer asks for lines", async (t) => {
  const { session, peer } = await open(t);
  const controller = new AbortController();
  session.addEventListener("stderr", () => {}, { signal: controller.signal });
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: true });
  controller.abort();
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: false });
  session.addEventListener("stderr", () => {}, { once: true });
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: true });
  peer.send({ type: "stderr", line: "one" });
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: false });
});

test("events can be iterated, from the first to the end of the session", async (t) => {
  const { session, peer } = await open(t);
  const states = collect(session.events("state"));
  const lines = session.events("stderr");
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: true });
  for (const line of ["a", "b"]) peer.send({ type: "stderr", line });
  const read = [];
  for await (const line of lines) {
    read.push(line);
    if (read.length === 2) break;
  }
  assert.deepEqual(read, ["a", "b"]);
  // Leaving the loop is to stop listening.
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: false });
  const closed = collect(session.events("close"));
  await session.close();
  assert.deepEqual(await states, ["closed"]);
  assert.deepEqual((await closed).map(({ code }) => code), [1000]);
  assert.deepEqual(await collect(session.events("stderr")), []);
});

test("an iteration ends with its signal, and says when events were lost", async (t) => {
  const { session, peer } = await open(t);
  const controller = new AbortController();
  const never = collect(session.events("frame", { signal: controller.signal }));
  controller.abort();
  assert.deepEqual(await never, []);
  const few = session.events("notification", { limit: 2 });
  const all = session.events("notification");
  for (let n = 0; n < 3; n++) peer.send({ jsonrpc: "2.0", method: "n", params: { n } });
  for (let n = 0; n < 3; n++) await all.next();
  assert.deepEqual([(await few.next()).value.params.n, (await few.next()).value.params.n], [0, 1]);
  assert.equal((await failure(few.next())).code, "events_lost");
  assert.deepEqual(await few.next(), { value: undefined, done: true });
  assert.throws(() => session.events("message"), { code: "bad_request" });
  assert.throws(() => session.events("state", { limit: 0 }), { code: "bad_request" });
});

test("a tool runs as a task of 2025-11-25: started, watched, asked for its result", async (t) => {
  const { session, peer } = await open(t);
  const info = (status, more) => ({ taskId: "t1", status, createdAt: "2026-01-01T00:00:00Z", lastUpdatedAt: "2026-01-01T00:00:00Z", ttl: null, pollInterval: 50, ...more });
  const started = session.startTask("slow", { a: 1 }, { ttl: 5_000 });
  const params = await serve(peer, "tools/call", { task: info("working") });
  assert.deepEqual(params, { name: "slow", arguments: { a: 1 }, task: { ttl: 5_000 } });
  const task = await started;
  assert.deepEqual([task.taskId, task.status], ["t1", "working"]);
  const result = task.result();
  assert.deepEqual(await serve(peer, "tasks/get", info("working")), { taskId: "t1" });
  await serve(peer, "tasks/get", info("completed"));
  assert.deepEqual(await serve(peer, "tasks/result", { content: [] }), { taskId: "t1" });
  assert.deepEqual(await result, { content: [] });
  assert.equal(task.status, "completed");
  assert.deepEqual(await task.result(), { content: [] });
});

test("a task of 2025-11-25 that needs input is asked for its result at once, where its questions come", async (t) => {
  const { session, peer } = await open(t, { handlers: { "elicitation/create": () => ({ action: "decline" }) } });
  const result = session.task("t1").result();
  await serve(peer, "tasks/get", { taskId: "t1", status: "input_required" });
  const waiting = await peer.receive();
  assert.equal(waiting.method, "tasks/result");
  peer.send({ jsonrpc: "2.0", id: 7, method: "elicitation/create", params: { message: "?" } });
  assert.deepEqual((await peer.receive()).result, { action: "decline" });
  peer.result(waiting.id, { content: [], isError: true });
  assert.equal((await result).isError, true);
});

test("a task that a stateless server makes of a call is waited for, and its questions are answered once", async (t) => {
  let asked = 0;
  const handlers = { "elicitation/create": ({ message }) => ({ action: "accept", content: { message, asked: ++asked } }) };
  const { session, peer } = await open(t, { ...stateless, handlers });
  const called = session.callTool("slow");
  const info = { taskId: "t2", createdAt: "", lastUpdatedAt: "", ttlMs: null, pollIntervalMs: 50 };
  assert.deepEqual(await serve(peer, "tools/call", { resultType: "task", status: "working", ...info }), { name: "slow" });
  const inputRequests = { k1: { method: "elicitation/create", params: { message: "name?" } } };
  await serve(peer, "tasks/get", { resultType: "complete", status: "input_required", inputRequests, ...info });
  assert.deepEqual(await serve(peer, "tasks/update", {}), {
    taskId: "t2",
    inputResponses: { k1: { action: "accept", content: { message: "name?", asked: 1 } } },
  });
  await serve(peer, "tasks/get", { status: "input_required", inputRequests, ...info });
  await serve(peer, "tasks/get", { status: "completed", result: { content: [] }, ...info });
  assert.deepEqual(await called, { content: [] });
  assert.equal(asked, 1);
});

test("a task that fails, is cancelled or asks what nobody answers ends the call that made it", async (t) => {
  const { session, peer } = await open(t, stateless);
  const start = async () => {
    const called = failure(session.callTool("slow"));
    await serve(peer, "tools/call", { resultType: "task", taskId: "t", status: "working", pollIntervalMs: 50 });
    return called;
  };
  const failed = start();
  await serve(peer, "tasks/get", { taskId: "t", status: "failed", error: { code: -7, message: "no luck", data: { x: 1 } } });
  const { code, side, rpcCode, data, message } = await failed;
  assert.deepEqual([code, side, rpcCode, data, message], ["server_error", "server", -7, { x: 1 }, "no luck"]);
  const cancelled = start();
  await serve(peer, "tasks/get", { taskId: "t", status: "cancelled", statusMessage: "by the operator" });
  assert.deepEqual([(await cancelled).code, (await cancelled).message], ["task_cancelled", "by the operator"]);
  const unanswered = start();
  await serve(peer, "tasks/get", { taskId: "t", status: "input_required", inputRequests: { k: { method: "roots/list" } } });
  await serve(peer, "tasks/cancel", {});
  assert.equal((await unanswered).code, "no_handler");
});

test("who gives a call up gives its task up, and who stops waiting for a task does not", async (t) => {
  const { session, peer } = await open(t, stateless);
  const controller = new AbortController();
  const called = failure(session.callTool("slow", {}, { signal: controller.signal }));
  await serve(peer, "tools/call", { resultType: "task", taskId: "t", status: "working", pollIntervalMs: 60_000 });
  await serve(peer, "tasks/get", { taskId: "t", status: "working", pollIntervalMs: 60_000 });
  const arrived = session.ping();
  await serve(peer, "ping", {});
  await arrived;
  controller.abort();
  assert.deepEqual(await serve(peer, "tasks/cancel", {}), { taskId: "t" });
  assert.equal((await called).code, "aborted");

  const waiting = failure(session.task("t").result({ maxTimeout: 60 }));
  await serve(peer, "tasks/get", { taskId: "t", status: "working", pollIntervalMs: 60_000 });
  assert.equal((await waiting).code, "timeout");
  const pinged = session.ping();
  await serve(peer, "ping", {});
  await pinged;
});

test("a server that makes no task of a call has answered it", async (t) => {
  const { session, peer } = await open(t, stateless);
  const started = session.startTask("quick", {});
  assert.deepEqual(await serve(peer, "tools/call", { content: [] }), { name: "quick", arguments: {} });
  const task = await started;
  assert.deepEqual([task.taskId, task.status, await task.result()], [undefined, "completed", { content: [] }]);
  assert.equal((await failure(task.cancel())).code, "bad_request");
});

test("URLs that the user has to visit first are visited, and the call is sent again", async (t) => {
  const asked = [];
  const visit = ({ mode, url }) => {
    asked.push([mode, url]);
    for (const elicitationId of ["other", "e1"]) {
      peer.send({ jsonrpc: "2.0", method: "notifications/elicitation/complete", params: { elicitationId } });
    }
    return { action: "accept" };
  };
  const { session, peer } = await open(t, { handlers: { "elicitation/create": visit } });
  const called = session.callTool("mail");
  const first = await peer.receive();
  const elicitations = [{ mode: "url", elicitationId: "e1", url: "https://x/", message: "Sign in" }];
  peer.error(first.id, { code: -32042, message: "URLs first", data: { elicitations } });
  const again = await peer.receive();
  assert.deepEqual([again.method, again.params], ["tools/call", { name: "mail" }]);
  assert.notEqual(again.id, first.id);
  peer.result(again.id, { content: [] });
  assert.deepEqual(await called, { content: [] });
  assert.deepEqual(asked, [["url", "https://x/"]]);
});

test("the error about URLs remains when nobody visits them", async (t) => {
  for (const handlers of [{}, { "elicitation/create": () => ({ action: "decline" }) }, { "elicitation/create": () => ({ action: "accept" }) }]) {
    const { session, peer } = await open(t, { handlers });
    const called = failure(session.readResource("x:y", { maxTimeout: 100 }));
    const { id } = await peer.receive();
    peer.error(id, { code: -32042, message: "URLs first", data: { elicitations: [{ elicitationId: "e", url: "https://x/" }] } });
    assert.equal((await called).rpcCode, -32042);
  }
});
