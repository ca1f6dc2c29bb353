// How a session begins, and the ways in which it does not.
import assert from "node:assert/strict";
import { test } from "node:test";

import { FootbridgeError, connect, servers, status } from "footbridge";

import { INITIALIZED, SESSION, bridge } from "./bridge.mjs";

/** Waits for a rejection and compares the members that are named. */
async function refusal(promise, expected) {
  const error = await promise.then(
    () => assert.fail("it was not refused"),
    (error) => error,
  );
  assert.ok(error instanceof FootbridgeError, String(error));
  assert.ok(error instanceof Error);
  assert.equal(error.name, "FootbridgeError");
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(error[name], value);
    else assert.deepEqual(error[name], value, `${name} of ${error}`);
  }
  return error;
}

test("a session knows its server once connect resolves", async (t) => {
  const { url, calls, peer } = await bridge(t);
  const states = [];
  const session = await connect({
    url,
    server: "demo",
    inputs: { root: "/data" },
    token: "secret",
    clientInfo: { name: "test", version: "1" },
    onState: (state) => states.push(state),
  });
  assert.deepEqual(states, ["connecting", "starting", "ready"]);
  assert.equal(session.state, "ready");
  assert.equal(session.id, SESSION);
  assert.deepEqual(session.capabilities, INITIALIZED.capabilities);
  assert.deepEqual(session.serverInfo, INITIALIZED.server_info);
  assert.equal(session.protocolVersion, "2025-11-25");
  assert.equal(session.instructions, "Be kind.");
  assert.equal(session.transport, "stdio");

  const [call] = calls;
  assert.equal(call.headers.authorization, "Bearer secret");
  assert.equal(call.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(call.body), {
    server_params: { type: "named", server: "demo", inputs: { root: "/data" } },
    client_capabilities: {},
    client_info: { name: "test", version: "1" },
  });
  const { request } = await peer;
  assert.equal(request.headers["sec-websocket-protocol"], "footbridge.v1");
  assert.equal(request.url, `/api/mcp/ws/${SESSION}?server_params=e30%3D&ticket=t`);
  await session.close();
});

test("handlers declare capabilities, and given ones win", async (t) => {
  const { url, calls } = await bridge(t);
  const params = { type: "StdioServerParams", command: "node", args: ["server.js"] };
  const handlers = {
    "sampling/createMessage": () => ({}),
    "elicitation/create": () => ({}),
    "roots/list": () => ({ roots: [] }),
  };
  await (await connect({ url, params, handlers })).close();
  await (await connect({ url, params, handlers, capabilities: { roots: {} } })).close();
  assert.deepEqual(JSON.parse(calls[0].body), {
    server_params: params,
    client_capabilities: {
      sampling: {},
      elicitation: { form: {}, url: {} },
      roots: { listChanged: true },
    },
  });
  assert.deepEqual(JSON.parse(calls[1].body).client_capabilities, { roots: {} });
});

test("a url may be an origin or a prefix, with slashes or without", async (t) => {
  const { url, calls } = await bridge(t);
  for (const spelled of [url, `${url}/`, `${url}/api/mcp`, `${url}/api/mcp/`, `${url}/#token=x`]) {
    assert.deepEqual(await servers({ url: spelled }), [
      { name: "demo", title: "Demo", transport: "stdio" },
    ]);
  }
  assert.deepEqual(new Set(calls.map((call) => call.url)), new Set(["/api/mcp/servers"]));
});

test("without a page a relative url is refused with the way out", async () => {
  for (const url of [undefined, "/api/mcp"]) {
    await refusal(connect({ url, server: "demo" }), {
      code: "bad_request",
      side: "browser",
      message: /no page to resolve it against: write it in full/,
    });
  }
  await refusal(servers({ url: "localhost:8000" }), { message: /has no scheme/ });
  await refusal(servers({ url: new URL("http://127.0.0.1") }), { message: /must be a string/ });
});

test("a session has one server, no more and no less", async (t) => {
  const { url, calls } = await bridge(t);
  await refusal(connect({ url }), { code: "bad_request", message: /needs `server`/ });
  const params = { type: "SseServerParams", url: "https://x/" };
  await refusal(connect({ url, server: "a", params }), { message: /not both/ });
  await refusal(connect({ url, params: { type: 1n } }), { message: /written as JSON/ });
  assert.deepEqual(calls, []);
});

test("a refusal of the bridge arrives whole", async (t) => {
  const { url } = await bridge(t, {
    routes: {
      "POST /api/mcp/ws/connect": () => [
        403,
        {
          status: false,
          message: "This command is not allowed.",
          error: { code: "params_denied", field: "server_params.command", hint: "Use the catalogue." },
        },
      ],
    },
  });
  await refusal(connect({ url, server: "demo" }), {
    code: "params_denied",
    side: "browser",
    status: 403,
    message: "This command is not allowed.",
    hint: "Use the catalogue.",
    data: { field: "server_params.command" },
  });
});

test("what is no bridge is not taken for one", async (t) => {
  let answer = [200, "<html>hello</html>"];
  const { url } = await bridge(t, { routes: { "POST /api/mcp/ws/connect": () => answer } });
  const expected = { code: "unexpected_answer", side: "bridge" };
  await refusal(connect({ url, server: "demo" }), expected);
  answer = [502, "<html>bad</html>"];
  await refusal(connect({ url, server: "demo" }), { ...expected, status: 502 });
  answer = [200, { session_id: SESSION, websocket_url: "ws://127.0.0.1:1/elsewhere" }];
  await refusal(connect({ url, server: "demo" }), expected);
});

test("a bridge that is not there is named", async (t) => {
  const { url, server } = await bridge(t);
  await new Promise((resolve) => server.close(resolve));
  const expected = { code: "unreachable", side: "bridge", message: new RegExp(url) };
  await refusal(connect({ url, server: "demo" }), expected);
  await refusal(servers({ url }), expected);
});

test("an error frame before the server is ready is the reason", async (t) => {
  const { url, peer } = await bridge(t, {
    attach: (peer) =>
      peer.send({
        type: "error",
        error: "npx exited at once.",
        code: "upstream_exited",
        side: "upstream",
        hint: "Run it by hand.",
        data: { command: "npx", exit_code: 1, stderr: "boom" },
      }),
  });
  const states = [];
  const attempt = connect({ url, server: "demo", onState: (state) => states.push(state) });
  await refusal(attempt, {
    code: "upstream_exited",
    side: "upstream",
    message: "npx exited at once.",
    hint: "Run it by hand.",
    data: { command: "npx", exit_code: 1, stderr: "boom" },
  });
  assert.deepEqual(states, ["connecting", "starting", "closed"]);
  assert.equal(await (await peer).closed, 1000);
});

test("a close before the server is ready is put into words", async (t) => {
  const { url } = await bridge(t, { attach: (peer) => peer.close(4004, "ticket used") });
  await refusal(connect({ url, server: "demo" }), {
    code: "socket_closed",
    side: "bridge",
    message: /its ticket has expired: connect again \(close code 4004: ticket used\)/,
    data: { close_code: 4004, reason: "ticket used" },
  });
});

test("a socket that speaks another dialect is refused", async (t) => {
  const { url } = await bridge(t, { protocol: "mcp" });
  const error = await refusal(connect({ url, server: "demo" }), { side: "bridge" });
  assert.match(error.code, /^(unexpected_answer|socket_closed)$/);
});

test("a socket that the bridge refuses is a failure at once", async (t) => {
  const { url, server } = await bridge(t);
  server.removeAllListeners("upgrade");
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n"));
  await refusal(connect({ url, server: "demo" }), {
    code: "socket_closed",
    side: "bridge",
    message: /the bridge refused it/,
  });
});

test("a server that is never ready is given up in time, and the socket closed", async (t) => {
  const { url, peer } = await bridge(t, { attach: () => {} });
  await refusal(connect({ url, server: "demo", timeout: 80 }), {
    code: "timeout",
    side: "browser",
    message: "the MCP server was not ready within 80 ms",
  });
  assert.equal(await (await peer).closed, 1000);
});

test("a bridge that never answers is given up in time", async (t) => {
  const { url } = await bridge(t, { routes: { "POST /api/mcp/ws/connect": () => undefined } });
  await refusal(connect({ url, server: "demo", timeout: 80 }), { code: "timeout" });
});

test("connect can be aborted before, during the route and during the start", async (t) => {
  const first = AbortSignal.abort();
  const quick = await bridge(t);
  const expected = { code: "aborted", side: "browser" };
  await refusal(connect({ url: quick.url, server: "demo", signal: first }), expected);

  const second = new AbortController();
  const stuck = await bridge(t, {
    routes: { "POST /api/mcp/ws/connect": () => void second.abort("any reason") },
  });
  await refusal(connect({ url: stuck.url, server: "demo", signal: second.signal }), expected);

  const third = new AbortController();
  const slow = await bridge(t, { attach: () => third.abort() });
  await refusal(connect({ url: slow.url, server: "demo", signal: third.signal }), expected);
  assert.notEqual(await (await slow.peer).closed, undefined);
});

test("a signal that fires after connect has resolved leaves the session alone", async (t) => {
  const { url, peer } = await bridge(t);
  const controller = new AbortController();
  const session = await connect({ url, server: "demo", signal: controller.signal });
  controller.abort();
  const answer = session.request("ping");
  const { id } = await (await peer).receive();
  (await peer).result(id, {});
  assert.deepEqual(await answer, {});
});

test("stderr and frames flow before connect resolves", async (t) => {
  const lines = [];
  const frames = [];
  const { url } = await bridge(t, {
    attach: async (peer) => {
      assert.deepEqual(await peer.receive(), { type: "stderr", enabled: true });
      peer.send({ type: "stderr", line: "downloading …" });
      peer.send(INITIALIZED);
    },
  });
  await connect({
    url,
    server: "demo",
    onStderr: (line) => lines.push(line),
    onFrame: ({ direction, text, time }) => {
      assert.ok(Math.abs(Date.now() - time) < 60_000);
      frames.push(`${direction} ${JSON.parse(text).type}`);
    },
  });
  assert.deepEqual(lines, ["downloading …"]);
  assert.deepEqual(frames, ["out resumable", "out stderr", "in stderr", "in initialized"]);
});

test("status answers for a session that is there, and one that is not", async (t) => {
  const missing = { status: false, message: "Session not found", session_id: "a/b" };
  const { url, calls } = await bridge(t, {
    routes: { "GET /api/mcp/ws/status/a%2Fb": () => [200, missing] },
  });
  assert.equal((await status({ url, sessionId: SESSION, token: "t" })).connected, true);
  assert.equal(calls[0].headers.authorization, "Bearer t");
  assert.deepEqual(await status({ url, sessionId: "a/b" }), missing);
  await refusal(status({ url, sessionId: "x", signal: AbortSignal.abort() }), { code: "aborted" });
  await refusal(servers({ url, token: "line\nbreak" }), { code: "bad_request", message: /`token`/ });
});
