// What a session does once it is open.
import assert from "node:assert/strict";
import { test } from "node:test";

import { FootbridgeError, connect } from "footbridge";

import { SESSION, bridge, failure } from "./bridge.mjs";

/** A session that is ready, and the bridge's end of its socket. */
async function open(t, options) {
  const { url, peer } = await bridge(t);
  const session = await connect({ url, server: "demo", ...options });
  return { session, peer: await peer };
}

/** The next value of an event. */
const next = (session, event) =>
  new Promise((resolve) => {
    const stop = session.on(event, (value) => {
      stop();
      resolve(value);
    });
  });

test("a hundred calls in flight are told apart in any order", async (t) => {
  const { session, peer } = await open(t);
  const calls = Array.from({ length: 100 }, (_, n) => session.request("tools/call", { n }));
  const frames = [];
  for (let n = 0; n < 100; n++) frames.push(await peer.receive());
  assert.equal(new Set(frames.map((frame) => frame.id)).size, 100);
  for (const { id, params } of frames.reverse()) peer.result(id, { square: params.n ** 2 });
  const results = await Promise.all(calls);
  assert.deepEqual(results.map((result) => result.square), results.map((_, n) => n ** 2));
});

test("values arrive as they were sent", async (t) => {
  const { session, peer } = await open(t);
  const params = { text: "é☕\u0000\u2028\"\\", big: 2 ** 53, list: [null, true, { a: [] }], "": {} };
  const answer = session.request("echo", params);
  const frame = await peer.receive();
  assert.deepEqual(frame, { jsonrpc: "2.0", id: frame.id, method: "echo", params });
  peer.result(frame.id, params);
  const result = await answer;
  assert.deepEqual(result, params);
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
});

test("a request without params has none on the wire", async (t) => {
  const { session, peer } = await open(t);
  const answer = session.request("tools/list");
  const frame = await peer.receive();
  assert.deepEqual(Object.keys(frame), ["jsonrpc", "id", "method"]);
  peer.result(frame.id, { tools: [] });
  assert.deepEqual(await answer, { tools: [] });
});

test("progress reaches its call and keeps the caller's own _meta", async (t) => {
  const { session, peer } = await open(t);
  const heard = [];
  const told = [];
  session.on("notification", (notification) => told.push(notification.method));
  const answer = session.request(
    "tools/call",
    { name: "slow", _meta: { trace: "t1" } },
    { onProgress: (progress) => heard.push(progress) },
  );
  const { id, params } = await peer.receive();
  assert.equal(params._meta.trace, "t1");
  const { progressToken } = params._meta;
  assert.notEqual(progressToken, undefined);
  for (const rest of [{ progress: 1, total: 2 }, { progress: 2, total: 2, message: "done" }]) {
    peer.send({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken, ...rest },
    });
  }
  peer.result(id, {});
  await answer;
  assert.deepEqual(heard, [{ progress: 1, total: 2 }, { progress: 2, total: 2, message: "done" }]);
  assert.deepEqual(told, []);
});

test("a listener may make calls, and one that throws harms nobody", async (t) => {
  const { session, peer } = await open(t);
  const complaints = t.mock.method(console, "error", () => {});
  let nested;
  const answer = session.request("slow", {}, {
    onProgress: () => {
      nested = session.request("nested");
      throw new Error("a bug of the page");
    },
  });
  const { id, params } = await peer.receive();
  const { progressToken } = params._meta;
  peer.send({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress: 1 } });
  const inner = await peer.receive();
  assert.equal(inner.method, "nested");
  peer.result(inner.id, { inner: true });
  peer.result(id, { outer: true });
  assert.deepEqual(await Promise.all([answer, nested]), [{ outer: true }, { inner: true }]);
  assert.equal(complaints.mock.callCount(), 1);
});

test("an aborted call tells the server and ignores the late answer", async (t) => {
  const { session, peer } = await open(t);
  const controller = new AbortController();
  const call = failure(session.request("tools/call", {}, { signal: controller.signal }));
  const { id } = await peer.receive();
  controller.abort();
  const error = await call;
  assert.equal(error.code, "aborted");
  assert.equal(error.side, "browser");
  const cancelled = await peer.receive();
  assert.equal(cancelled.method, "notifications/cancelled");
  assert.equal(cancelled.params.requestId, id);
  peer.result(id, {});

  const unsent = await failure(session.request("x", {}, { signal: AbortSignal.abort() }));
  assert.equal(unsent.code, "aborted");
  // The next frame the bridge sees is the next call: the unsent one left no trace.
  const after = session.request("after");
  const frame = await peer.receive();
  assert.equal(frame.method, "after");
  peer.result(frame.id, {});
  await after;
});

test("a call that takes too long is given up and cancelled", async (t) => {
  const { session, peer } = await open(t);
  const error = await failure(session.request("tools/call", {}, { timeout: 40 }));
  assert.equal(error.code, "timeout");
  assert.match(error.message, /within 40 ms/);
  const { id } = await peer.receive();
  const cancelled = await peer.receive();
  assert.deepEqual([cancelled.method, cancelled.params.requestId], ["notifications/cancelled", id]);
});

test("an error of the MCP server keeps its code and data", async (t) => {
  const { session, peer } = await open(t);
  const call = failure(session.request("tools/call"));
  peer.error((await peer.receive()).id, { code: -32602, message: "no such tool", data: { a: [1] } });
  const error = await call;
  assert.equal(error.message, "no such tool");
  assert.deepEqual(
    { ...error },
    { code: "server_error", side: "server", rpcCode: -32602, data: { a: [1] } },
  );
});

test("an error of the bridge is not taken for the server's", async (t) => {
  const { session, peer } = await open(t);
  const call = failure(session.request("tools/call"));
  const data = { source: "bridge", code: "upstream_timeout", hint: "Try again." };
  peer.error((await peer.receive()).id, { code: -31525, message: "No answer in time.", data });
  const error = await call;
  assert.deepEqual(
    { ...error },
    { code: "upstream_timeout", side: "bridge", rpcCode: -31525, hint: "Try again.", data },
  );
});

test("a cut socket rejects every call once and says so", async (t) => {
  const { session, peer } = await open(t);
  const states = [];
  session.on("state", (state) => states.push(state));
  const closed = next(session, "close");
  let rejections = 0;
  const calls = [1, 2, 3].map((n) =>
    session.request("tools/call", { n }).catch((error) => {
      rejections++;
      return error;
    }),
  );
  for (const _ of calls) await peer.receive();
  peer.socket.terminate();
  const errors = await Promise.all(calls);
  assert.deepEqual(errors.map((error) => error.code), Array(3).fill("socket_closed"));
  const info = await closed;
  assert.equal(info.code, 1006);
  assert.equal(info.error.code, "socket_closed");
  assert.equal(rejections, 3);
  assert.deepEqual(states, ["closed"]);
  assert.equal(session.state, "closed");
  assert.equal((await failure(session.request("more"))).code, "socket_closed");
  assert.throws(() => session.notify("more"), { code: "socket_closed" });
  await session.close();
});

test("a server that dies is the reason of what fails with it", async (t) => {
  const { session, peer } = await open(t);
  const call = failure(session.request("tools/call"));
  const closed = next(session, "close");
  await peer.receive();
  const data = { command: "npx", exit_code: 137, stderr: "out of memory" };
  peer.send({ type: "error", error: "It went away.", code: "upstream_exited", side: "upstream", data });
  peer.send({ type: "state", state: "closing", session_id: SESSION });
  peer.close(4502, "upstream_exited");
  const error = await call;
  assert.deepEqual({ ...error }, { code: "upstream_exited", side: "upstream", data: { may_have_run: true, ...data } });
  const info = await closed;
  assert.deepEqual([info.code, info.reason, info.error.code], [4502, "upstream_exited", "upstream_exited"]);
});

test("handlers answer what the server asks", async (t) => {
  const { session, peer } = await open(t, {
    handlers: {
      "roots/list": async () => ({ roots: [{ uri: "file:///x" }] }),
      "sampling/createMessage": (params, { method }) => ({ echo: params.n, method }),
    },
  });
  peer.send({ jsonrpc: "2.0", id: "r-1", method: "roots/list" });
  assert.deepEqual(await peer.receive(), {
    jsonrpc: "2.0",
    id: "r-1",
    result: { roots: [{ uri: "file:///x" }] },
  });
  peer.send({ jsonrpc: "2.0", id: 1, method: "sampling/createMessage", params: { n: 5 } });
  assert.deepEqual((await peer.receive()).result, { echo: 5, method: "sampling/createMessage" });

  peer.send({ jsonrpc: "2.0", id: 2, method: "elicitation/create", params: {} });
  assert.equal((await peer.receive()).error.code, -32601);
  session.onRequest("elicitation/create", () => ({ action: "decline" }));
  peer.send({ jsonrpc: "2.0", id: 3, method: "elicitation/create", params: {} });
  assert.deepEqual((await peer.receive()).result, { action: "decline" });
  session.onRequest("elicitation/create", null);
  peer.send({ jsonrpc: "2.0", id: 4, method: "elicitation/create", params: {} });
  assert.equal((await peer.receive()).error.code, -32601);
  peer.send({ jsonrpc: "2.0", id: 5, method: "ping" });
  assert.deepEqual((await peer.receive()).result, {});
});

test("a handler that fails is an answer too", async (t) => {
  const loop = {};
  loop.loop = loop;
  const outcomes = {
    throws: () => {
      throw new Error("it broke");
    },
    rejects: () => Promise.reject(new TypeError("it broke later")),
    declines: () => Promise.reject(Object.assign(new Error("User rejected"), { rpcCode: -1 })),
    nothing: () => undefined,
    number: () => 7,
    loop: () => loop,
    oddly: () => Promise.reject(undefined),
  };
  const { peer } = await open(t, { handlers: outcomes });
  const answers = {};
  for (const method of Object.keys(outcomes)) {
    peer.send({ jsonrpc: "2.0", id: method, method });
    const { id, error } = await peer.receive();
    assert.equal(id, method);
    answers[method] = error;
  }
  assert.deepEqual(answers.throws, { code: -32603, message: "it broke" });
  assert.deepEqual(answers.rejects, { code: -32603, message: "it broke later" });
  assert.deepEqual(answers.declines, { code: -1, message: "User rejected" });
  for (const method of ["nothing", "number"]) {
    assert.match(answers[method].message, /gave no object as its result/);
  }
  for (const answer of Object.values(answers)) assert.ok(answer.code === -32603 || answer.code === -1);
});

test("a request that the server withdraws aborts its handler and gets no answer", async (t) => {
  let started;
  const running = new Promise((resolve) => (started = resolve));
  const { session, peer } = await open(t, {
    handlers: {
      "sampling/createMessage": (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve({ late: true }));
          started(signal);
        }),
    },
  });
  peer.send({ jsonrpc: "2.0", id: 9, method: "sampling/createMessage", params: {} });
  const signal = await running;
  assert.equal(signal.aborted, false);
  const told = next(session, "notification");
  peer.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 9 } });
  await told;
  assert.equal(signal.aborted, true);
  const call = session.request("after");
  const frame = await peer.receive();
  assert.equal(frame.method, "after");
  peer.result(frame.id, {});
  await call;
});

test("notifications travel both ways", async (t) => {
  const { session, peer } = await open(t);
  const told = next(session, "notification");
  peer.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  assert.deepEqual(await told, { method: "notifications/tools/list_changed", params: {} });
  session.notify("notifications/roots/list_changed");
  session.notify("notifications/x", { a: 1 });
  assert.deepEqual(await peer.receive(), {
    jsonrpc: "2.0",
    method: "notifications/roots/list_changed",
  });
  assert.deepEqual((await peer.receive()).params, { a: 1 });
});

test("stderr is sent for only while someone listens", async (t) => {
  const { session, peer } = await open(t);
  const heard = [];
  const stop = session.on("stderr", (line) => heard.push(line));
  const stopToo = session.on("stderr", () => {});
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: true });
  const told = next(session, "notification");
  peer.send({ type: "stderr", line: "one" });
  peer.send({ jsonrpc: "2.0", method: "notifications/message", params: {} });
  await told;
  stop();
  stop();
  stopToo();
  assert.deepEqual(await peer.receive(), { type: "stderr", enabled: false });
  assert.equal(peer.unread, 0);
  assert.deepEqual(heard, ["one"]);
});

test("frames are shown in both directions, exactly", async (t) => {
  const { session, peer } = await open(t);
  const frames = [];
  const stop = session.on("frame", ({ direction, text }) => frames.push([direction, text]));
  const answer = session.request("x", { n: 1 });
  const { id } = await peer.receive();
  peer.send(`{"jsonrpc":"2.0", "id":${id}, "result":{"n":1.50}}`);
  await answer;
  stop();
  const more = session.request("y");
  peer.result((await peer.receive()).id, {});
  await more;
  assert.deepEqual(frames, [
    ["out", `{"jsonrpc":"2.0","id":${id},"method":"x","params":{"n":1}}`],
    ["in", `{"jsonrpc":"2.0", "id":${id}, "result":{"n":1.50}}`],
  ]);
});

test("unknown frames are no reason to stop", async (t) => {
  const { session, peer } = await open(t);
  for (const frame of ["not json", "[]", "7", '{"type":"from_the_future"}', '{"jsonrpc":"2.0"}']) {
    peer.send(frame);
  }
  peer.socket.send(Buffer.from([1, 2, 3]));
  const answer = session.request("x");
  peer.result((await peer.receive()).id, { fine: true });
  assert.deepEqual(await answer, { fine: true });
});

test("params that JSON cannot carry are refused where they are given", async (t) => {
  const { session, peer } = await open(t);
  for (const params of [{ n: 1n }, [1], "text", { _meta: [] }]) {
    const error = await failure(session.request("x", params, { onProgress() {} }));
    assert.equal(error.code, "bad_request");
  }
  assert.throws(() => session.notify("x", 7), FootbridgeError);
  assert.equal(peer.unread, 0);
});

test("calls are refused while too much waits to be sent", async (t) => {
  const { session, peer } = await open(t, { resume: false });
  const large = { text: "x".repeat(9 * 1024 * 1024) };
  const calls = [session.request("large", large), session.request("large", large)];
  const error = await failure(session.request("one more"));
  assert.deepEqual([error.code, error.side], ["too_many_pending", "browser"]);
  assert.throws(() => session.notify("one more"), { code: "too_many_pending" });
  for (const _ of calls) peer.result((await peer.receive()).id, {});
  await Promise.all(calls);
  const after = session.request("after");
  const frame = await peer.receive();
  assert.equal(frame.method, "after");
  peer.result(frame.id, {});
  await after;
});

test("close ends the session in order and can be asked for twice", async (t) => {
  const { session, peer } = await open(t);
  const closed = next(session, "close");
  const call = failure(session.request("tools/call"));
  await Promise.all([session.close(), session.close()]);
  assert.equal((await call).code, "socket_closed");
  assert.equal(await peer.closed, 1000);
  assert.deepEqual(await closed, { code: 1000, reason: "" });
  assert.equal(session.state, "closed");
});

test("a session tells its own status", async (t) => {
  const { session } = await open(t);
  const answer = await session.status();
  assert.deepEqual([answer.status, answer.session_id], [true, SESSION]);
});

test("nothing keeps a program alive after its session", async (t) => {
  const { url } = await bridge(t);
  const { spawn } = await import("node:child_process");
  const program = `
    import { connect } from "footbridge";
    const session = await connect({ url: ${JSON.stringify(url)}, server: "demo" });
    session.request("never answered", {}, { timeout: 600_000 }).catch(() => {});
    await session.close();`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
    stdio: "inherit",
    timeout: 20_000,
  });
  const code = await new Promise((resolve) => child.on("exit", resolve));
  assert.equal(code, 0);
});
