// The official TypeScript SDK, both of its generations, as its own documentation uses it: only the transport is ours.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import * as v2 from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import * as v1 from "@modelcontextprotocol/sdk/types.js";
import { FootbridgeError, FootbridgeTransport } from "footbridge/transport";

import { bridge as scripted } from "./bridge.mjs";
import { startCatalogue } from "./real.mjs";

let bridge;
before(async () => {
  bridge = await startCatalogue();
});
after(() => bridge?.stop());

const texts = ({ content }) => content.map(({ text }) => text).join("\n");
const info = { name: "tests", version: "1.0.0" };
const capabilities = { sampling: {}, elicitation: { form: {} }, roots: {} };
const handlers = {
  "sampling/createMessage": () => ({ role: "assistant", model: "none", content: { type: "text", text: "a model's word" } }),
  "elicitation/create": () => ({ action: "accept", content: { name: "Ada" } }),
  "roots/list": () => ({ roots: [{ uri: "file:///srv/photos", name: "photos" }] }),
};

/** What the two generations spell differently. */
const GENERATIONS = {
  "@modelcontextprotocol/sdk 1.x": {
    client(options = { capabilities }) {
      const client = new ClientV1(info, options);
      for (const [schema, method] of [
        [v1.CreateMessageRequestSchema, "sampling/createMessage"],
        [v1.ElicitRequestSchema, "elicitation/create"],
        [v1.ListRootsRequestSchema, "roots/list"],
      ]) if (options.capabilities) client.setRequestHandler(schema, handlers[method]);
      return client;
    },
    call: (client, params, options) => client.callTool(params, undefined, options),
  },
  "@modelcontextprotocol/client 2.x": {
    client(options = { capabilities }) {
      const client = new v2.Client(info, options);
      if (options.capabilities) for (const [method, handler] of Object.entries(handlers)) client.setRequestHandler(method, handler);
      return client;
    },
    call: (client, params, options) => client.callTool(params, options),
  },
};

for (const [name, { client: make, call }] of Object.entries(GENERATIONS)) {
  describe(name, () => {
    const transport = (server) => new FootbridgeTransport({ url: bridge.origin, token: bridge.token, server });
    const open = async (t, server, options) => {
      const client = make(options);
      await client.connect(transport(server));
      t.after(() => client.close());
      return client;
    };

    test("lists, calls and reads what a server over stdio has", async (t) => {
      const client = await open(t, "everything");
      assert.match(client.getServerVersion().name, /everything/);
      const { tools } = await client.listTools();
      assert.ok(tools.some(({ name }) => name === "get-sum"));
      assert.match(texts(await call(client, { name: "get-sum", arguments: { a: 2, b: 40 } })), /42/);
      const { resources } = await client.listResources();
      assert.equal((await client.readResource({ uri: resources[0].uri })).contents.length, 1);
      assert.match((await client.getPrompt({ name: "args-prompt", arguments: { city: "Oslo" } })).messages[0].content.text, /Oslo/);
      await client.ping();
    });

    test("answers what the server asks of a model, of the user and of the roots", async (t) => {
      const client = await open(t, "everything");
      await client.listTools();
      assert.match(texts(await call(client, { name: "trigger-sampling-request", arguments: { prompt: "x" } })), /a model's word/);
      assert.match(texts(await call(client, { name: "trigger-elicitation-request" })), /Ada/);
      assert.match(texts(await call(client, { name: "get-roots-list" })), /photos/);
    });

    test("hears progress, cancels, and goes on", async (t) => {
      const client = await open(t, "everything");
      const steps = [];
      const onprogress = ({ progress }) => steps.push(progress);
      await call(client, { name: "trigger-long-running-operation", arguments: { duration: 0.2, steps: 2 } }, { onprogress });
      assert.deepEqual(steps, [1, 2]);
      const long = { name: "trigger-long-running-operation", arguments: { duration: 3_600, steps: 3_600 } };
      await assert.rejects(call(client, long, { signal: AbortSignal.timeout(50) }));
      await client.ping();
    });

    test("hears why a session ended before it hears that it did", async (t) => {
      const client = make();
      const told = [];
      client.onerror = (error) => told.push(error);
      const closed = new Promise((resolve) => (client.onclose = () => resolve(told.push("closed"))));
      const carrier = transport("everything");
      await client.connect(carrier);
      assert.match(carrier.bridgeSessionId, /^[0-9a-f-]{36}$/);
      const ended = await fetch(`${bridge.origin}/api/mcp/ws/${carrier.bridgeSessionId}`, {
        method: "DELETE",
        headers: { authorization: `Bearer ${bridge.token}` },
      });
      assert.equal(ended.status, 200);
      await closed;
      assert.equal(told.at(-1), "closed");
      await assert.rejects(client.ping());
    });

    test("learns why a bridge refused", async () => {
      for (const [options, code] of [
        [{ url: bridge.origin, token: "wrong", server: "demo" }, "unauthorized"],
        [{ url: bridge.origin, token: bridge.token, server: "nobody" }, "invalid_field"],
        [{ url: "http://127.0.0.1:9", server: "demo" }, "unreachable"],
      ]) {
        const error = await make().connect(new FootbridgeTransport(options)).catch((error) => error);
        assert.ok(error instanceof FootbridgeError, String(error));
        assert.equal(error.code, code);
      }
    });
  });
}

test("the newer SDK finds the stateless revision through the bridge, and falls back to the older ones", async (t) => {
  for (const [server, version] of [["modern", "2026-07-28"], ["everything", "2025-11-25"]]) {
    const client = new v2.Client(info, { versionNegotiation: { mode: "auto" } });
    await client.connect(new FootbridgeTransport({ url: bridge.origin, token: bridge.token, server }));
    t.after(() => client.close());
    assert.equal(client.getNegotiatedProtocolVersion(), version);
    assert.ok((await client.listTools()).tools.length > 0);
  }
});

test("an SDK that knows no stateless revision reaches a server that knows nothing else", async (t) => {
  const client = new ClientV1(info);
  await client.connect(new FootbridgeTransport({ url: bridge.origin, token: bridge.token, server: "modern" }));
  t.after(() => client.close());
  assert.match(texts(await client.callTool({ name: "echo", arguments: { message: "old and new" } })), /old and new/);
});

test("a program given in full is started, and gone when the client closes", async () => {
  const { SERVERS } = await import("./real.mjs");
  const client = new ClientV1(info);
  const transport = new FootbridgeTransport({ url: `${bridge.origin}/api/mcp/`, token: bridge.token, params: { type: "StdioServerParams", ...SERVERS.everything } });
  let closed = 0;
  await client.connect(transport);
  client.onclose = () => closed++;
  await client.close();
  await client.close();
  assert.equal(closed, 1);
  await assert.rejects(transport.send({ jsonrpc: "2.0" }), { code: "socket_closed" });
  await assert.rejects(transport.start(), { code: "bad_request" });
});

test("options that cannot be are refused before anything is sent", () => {
  const wrong = [
    {},
    { server: "a", params: {} },
    { params: {}, inputs: {} },
    { server: "a" }, // No page to resolve the url against.
    { server: "a", url: "ftp://x" },
    { server: "a", url: "//x" },
    { server: "a", url: "http://me:secret@x/" },
    { server: "a", url: "http://x", token: 1 },
    { server: "a", url: "http://x", timeout: 0 },
  ];
  for (const options of wrong) {
    assert.throws(() => new FootbridgeTransport(options), (error) => {
      assert.equal(error.code, "bad_request");
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

test("the url may be an origin, a prefix, or that of a socket", async (t) => {
  const { url, calls } = await scripted(t, { protocol: "mcp", routes: { "POST /x/api/ws/connect": () => [503, { message: "no" }] } });
  for (const [given, path] of [
    [url, "/api/mcp"],
    [`${url}/?a#b`, "/api/mcp"],
    [url.replace("http", "ws"), "/api/mcp"],
    [new URL(`${url}/x/api//`), "/x/api"],
  ]) {
    await new FootbridgeTransport({ url: given, server: "a" }).start().catch(() => {});
    assert.equal(calls.at(-1).url, `${path}/ws/connect`);
  }
});

test("a bridge that is slow, and one that is none, are errors with a code", async (t) => {
  const silent = await scripted(t, { routes: { "POST /api/mcp/ws/connect": () => undefined } });
  const late = await new FootbridgeTransport({ url: silent.url, server: "a", timeout: 50 }).start().catch((error) => error);
  assert.equal(late.code, "timeout");
  const transport = new FootbridgeTransport({ url: silent.url, server: "a" });
  const given = transport.start().catch((error) => error);
  await transport.close();
  assert.equal((await given).code, "aborted");
  for (const [answer, code] of [
    [[200, "<html>"], "unexpected_answer"],
    [[200, { websocket_url: "//evil.example/" }], "unexpected_answer"],
    [[502, "<html>"], "unexpected_answer"],
    [[503, { message: "full", error: { code: "too_many_sessions", hint: "later" } }], "too_many_sessions"],
  ]) {
    const { url } = await scripted(t, { routes: { "POST /api/mcp/ws/connect": () => answer } });
    const error = await new FootbridgeTransport({ url, server: "a" }).start().catch((error) => error);
    assert.equal(error.code, code);
    assert.equal(error.side, "bridge");
  }
  const other = await scripted(t, { protocol: "footbridge.v1" });
  // A socket that speaks something else is closed by the WebSocket itself, in some environments without a word.
  const error = await new FootbridgeTransport({ url: other.url, server: "a", timeout: 500 }).start().catch((error) => error);
  assert.ok(["unreachable", "timeout"].includes(error.code), error.code);
});

test("what is no JSON is reported, and the session goes on", async (t) => {
  const attach = (peer) => peer.send("no JSON");
  const { url, peer } = await scripted(t, { protocol: "mcp", attach });
  const transport = new FootbridgeTransport({ url, server: "a" });
  const error = new Promise((resolve) => (transport.onerror = resolve));
  await transport.start();
  assert.equal((await error).code, "unexpected_answer");
  const heard = new Promise((resolve) => (transport.onmessage = resolve));
  (await peer).send({ jsonrpc: "2.0", method: "x" });
  assert.deepEqual(await heard, { jsonrpc: "2.0", method: "x" });
  await transport.close();
});
