// What a session does about a socket that is lost.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { FootbridgeError, connect } from "footbridge";

import { INITIALIZED, SESSION, bridge } from "./bridge.mjs";

/**
 * A bridge that keeps its session. `sockets.next()` is the next socket, once the page has said its first word on it or,
 * when it comes back, the bridge has.
 */
async function keeping(t, { resumed = { recovered: true, received: 0 }, routes } = {}) {
  const waiting = [];
  const sockets = [];
  const { url, calls, server } = await bridge(t, {
    counts: true,
    routes,
    attach: async (peer) => {
      const query = new URL(peer.request.url, "http://x").searchParams;
      peer.query = Object.fromEntries(query);
      if (query.has("resume")) {
        peer.send({ type: "resumed", token: `t${sockets.length + 1}`, window_ms: 120_000, ...resumed });
      } else {
        assert.deepEqual(await peer.receive(), { type: "resumable" });
        peer.send({ type: "resumable", token: "t1", window_ms: 120_000 });
        peer.send(INITIALIZED);
      }
      assert.equal((await peer.receive()).type, "ack");
      sockets.push(peer);
      waiting.shift()?.(peer);
    },
  });
  let taken = 0;
  const next = () => {
    const peer = sockets[taken++];
    return peer ? Promise.resolve(peer) : new Promise((resolve) => waiting.push(resolve));
  };
  return { url, calls, server, next };
}

/** A session that does not outlive its test. */
async function open(t, options) {
  const session = await connect(options);
  t.after(() => session.close());
  return session;
}

/** The next frame that is no `ack`. */
async function message(peer) {
  for (;;) {
    const frame = await peer.receive();
    if (frame.type !== "ack") return frame;
  }
}

/** The error a promise rejects with. */
const failure = (promise) =>
  promise.then(
    (value) => assert.fail(`it resolved with ${JSON.stringify(value)}`),
    (error) => (assert.ok(error instanceof FootbridgeError, String(error)), error),
  );

test("calls wait for the next socket, and what was missed is sent once", async (t) => {
  const states = [];
  const { url, next } = await keeping(t);
  const session = await open(t, { url, server: "demo", onState: (state, info) => states.push([state, info]) });
  const first = await next();
  assert.equal(session.resumed, false);
  const call = session.request("tools/call", { n: 1 });
  const sent = await message(first);
  first.socket.terminate();
  const second = await next();
  // `initialized` is the one frame that has a number.
  const { attempt, ...query } = second.query;
  assert.deepEqual(query, { resume: "t1", received: "1" });
  assert.ok(Math.abs(attempt - Date.now()) < 60_000);
  assert.deepEqual(await message(second), sent);
  second.result(sent.id, { text: "once" });
  assert.deepEqual(await call, { text: "once" });
  assert.deepEqual(states, [
    ["connecting", {}],
    ["starting", {}],
    ["ready", {}],
    ["detached", { reason: "socket_lost" }],
    ["ready", {}],
  ]);
  assert.equal(session.state, "ready");
  await session.close();
  assert.equal(await second.closed, 1000);
  assert.deepEqual(states.at(-1), ["closed", { reason: "closed" }]);
});

test("requests and notifications made without a socket go out in order when there is one", async (t) => {
  const { url, next } = await keeping(t);
  const session = await open(t, { url, server: "demo" });
  const detached = new Promise((resolve) => session.on("state", (state) => state === "detached" && resolve()));
  (await next()).socket.terminate();
  await detached;
  const first = session.request("a");
  session.notify("b");
  const last = session.request("c");
  const peer = await next();
  const frames = [await message(peer), await message(peer), await message(peer)];
  assert.deepEqual(frames.map(({ method }) => method), ["a", "b", "c"]);
  peer.result(frames[2].id, { last: true });
  peer.result(frames[0].id, { first: true });
  assert.deepEqual(await Promise.all([first, last]), [{ first: true }, { last: true }]);
});

test("a session that was not asked to be kept ends with its socket", async (t) => {
  const { url, peer } = await bridge(t, { counts: true });
  const session = await open(t, { url, server: "demo", resume: false });
  const call = failure(session.request("a"));
  const bridgeEnd = await peer;
  assert.equal((await bridgeEnd.receive()).method, "a");
  bridgeEnd.socket.terminate();
  const error = await call;
  assert.equal(error.code, "socket_closed");
  assert.equal(error.data.may_have_run, true);
  assert.equal(session.state, "closed");
});

test("a session that the bridge no longer has says which calls may have run", async (t) => {
  const closes = [];
  const states = [];
  const { url, next } = await keeping(t, { resumed: { recovered: false, received: 0 } });
  const session = await open(t, { url, server: "demo", onState: (state, info) => states.push({ state, ...info }) });
  session.on("close", (info) => closes.push(info));
  const first = await next();
  const sent = failure(session.request("sent"));
  await message(first);
  const waiting = new Promise((resolve) => {
    session.on("state", (state) => state === "detached" && resolve(failure(session.request("not sent"))));
  });
  first.socket.terminate();
  const errors = await Promise.all([sent, waiting]);
  assert.deepEqual(
    errors.map(({ code, side, data }) => [code, side, data]),
    [
      ["session_lost", "bridge", { may_have_run: true, reason: "gap" }],
      ["session_lost", "bridge", { may_have_run: false, reason: "gap" }],
    ],
  );
  assert.deepEqual(states.at(-1), { state: "closed", reason: "session_lost" });
  assert.deepEqual([closes.length, closes[0].error.code], [1, "session_lost"]);
  assert.equal((await failure(session.request("late"))).code, "socket_closed");
});

test("a session that is taken up elsewhere is left to whoever has it", async (t) => {
  const { url, next } = await keeping(t);
  const session = await open(t, { url, server: "demo" });
  const closed = new Promise((resolve) => session.on("close", resolve));
  const peer = await next();
  peer.send({ type: "error", error: "Another socket has it.", code: "taken_over", side: "browser" });
  peer.close(4409, "taken_over");
  const { code, error } = await closed;
  assert.deepEqual([code, error.code], [4409, "taken_over"]);
});

test("a session closed while it has no socket is ended over HTTP", async (t) => {
  const routes = { [`DELETE /api/mcp/ws/${SESSION}`]: () => [200, { status: true, message: "Session ended" }] };
  const { url, calls, server, next } = await keeping(t, { routes });
  const session = await open(t, { url, token: "secret", server: "demo" });
  const peer = await next();
  const detached = new Promise((resolve) => session.on("state", (state) => state === "detached" && resolve()));
  // From here on nobody answers an upgrade.
  server.removeAllListeners("upgrade");
  server.on("upgrade", (_, socket) => socket.destroy());
  const ended = new Promise((resolve) => server.on("request", (request) => request.method === "DELETE" && resolve(request)));
  peer.socket.terminate();
  await detached;
  await session.close();
  assert.equal(session.state, "closed");
  assert.equal((await ended).headers.authorization, "Bearer secret");
  assert.ok(calls.every(({ url }) => !url.includes("resume=")), "the token of the way back goes to the socket alone");
});

test("the example of the README lives through a lost socket", async (t) => {
  const readme = readFileSync(join(import.meta.dirname, "node_modules/footbridge/README.md"), "utf8");
  const example = [...readme.matchAll(/```js\n(import[\s\S]*?)```/g)].map(([, text]) => text).find((text) => text.includes("resume: {"));
  assert.ok(example.includes("http://127.0.0.1:8000"));
  const { url, next } = await keeping(t);
  const printed = t.mock.method(console, "log", () => {});
  const source = example
    .replace("http://127.0.0.1:8000", url)
    .replace('"footbridge"', JSON.stringify(import.meta.resolve("footbridge")));
  const running = import(`data:text/javascript,${encodeURIComponent(source)}`);
  const first = await next();
  const { params } = await message(first);
  assert.deepEqual(params, { name: "add", arguments: { a: 2, b: 3 } });
  first.socket.terminate();
  const second = await next();
  second.result((await message(second)).id, { content: [{ type: "text", text: "5" }] });
  await running;
  assert.deepEqual(
    printed.mock.calls.flatMap((call) => call.arguments),
    ["connecting", "starting", "ready", "new", "detached: socket_lost", "ready", "5", "closed: closed"],
  );
});
