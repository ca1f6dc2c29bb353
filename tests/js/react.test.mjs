// The hook for React, in React itself on a DOM, against a scripted bridge and the real one.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Window } from "happy-dom";

import { INITIALIZED, SESSION, bridge } from "./bridge.mjs";
import { startCatalogue } from "./real.mjs";

// React looks for a document when it is imported.
const page = new Window({ url: "http://127.0.0.1/" });
Object.assign(globalThis, { window: page, document: page.document, IS_REACT_ACT_ENVIRONMENT: false });
const { StrictMode, createElement } = await import("react");
const { createRoot } = await import("react-dom/client");
const { renderToString } = await import("react-dom/server");
const { useMcp } = await import("footbridge/react");

const unmounts = [];
afterEach(() => unmounts.splice(0).forEach((unmount) => unmount()));

/** A component that uses the hook and remembers what it got. `until` waits for what it should come to. */
function mount(options, { strict = true } = {}) {
  const seen = [];
  const watchers = new Set();
  function Component({ options }) {
    const result = useMcp(options);
    seen.push(result);
    for (const watcher of [...watchers]) watcher(result);
    return createElement("p", null, `${result.state} ${result.tools.map(({ name }) => name).join()}`);
  }
  const element = page.document.createElement("div");
  const root = createRoot(element);
  const render = (options) => {
    const component = createElement(Component, { options });
    root.render(strict ? createElement(StrictMode, null, component) : component);
  };
  render(options);
  const unmount = () => root.unmount();
  unmounts.push(unmount);
  const until = (wanted) => new Promise((resolve) => {
    const look = (result) => {
      if (!wanted(result)) return;
      watchers.delete(look);
      resolve(result);
    };
    watchers.add(look);
    if (seen.length > 0) look(seen.at(-1));
  });
  return { seen, until, render, unmount, element, states: () => seen.map(({ state }) => state).filter((state, at, all) => state !== all[at - 1]) };
}

/** A scripted bridge that answers lists, and remembers the sockets that were opened. */
async function answering(t, { lists = {}, capabilities = { tools: { listChanged: true }, resources: {}, prompts: {} }, refuse = () => undefined } = {}) {
  const sockets = [];
  const waiting = [];
  const attach = (peer) => {
    sockets.push(peer);
    peer.socket.on("message", (data) => {
      const { id, method, params } = JSON.parse(String(data));
      if (id === undefined || method === undefined) return;
      const found = { "tools/list": { tools: [{ name: "add" }] }, "resources/list": { resources: [{ uri: "x:y" }] }, "prompts/list": { prompts: [{ name: "p" }] }, "tools/call": { content: [{ type: "text", text: JSON.stringify(params) }] }, ...lists }[method];
      if (found) peer.result(id, typeof found === "function" ? found() : found);
      else peer.error(id, { code: -32601, message: "no such method" });
    });
    peer.send({ ...INITIALIZED, capabilities });
    peer.send({ type: "state", state: "ready", session_id: SESSION });
    waiting.shift()?.();
  };
  let attempts = 0;
  const connect = () => refuse(attempts++) ?? [200, { session_id: SESSION, websocket_url: `/api/mcp/ws/${SESSION}?ticket=t` }];
  const made = await bridge(t, { attach, routes: { "POST /api/mcp/ws/connect": connect } });
  return { ...made, sockets, attempts: () => attempts };
}

const ready = ({ state }) => state === "ready";

test("a component gets the lists, calls a tool, and closes its session when it is gone", async (t) => {
  const { url, sockets } = await answering(t);
  const { until, unmount, states, element } = mount({ url, server: "demo" }, { strict: false });
  const { session, tools, resources, resourceTemplates, prompts, callTool, error } = await until(ready);
  assert.deepEqual([tools, resources, resourceTemplates, prompts, error], [[{ name: "add" }], [{ uri: "x:y" }], [], [{ name: "p" }], null]);
  assert.deepEqual(JSON.parse((await callTool("add", { a: 1 })).content[0].text), { name: "add", arguments: { a: 1 } });
  assert.equal(element.textContent, "ready add");
  assert.deepEqual(states().slice(0, 2), ["idle", "connecting"]);
  assert.equal(session.state, "ready");
  unmount();
  assert.equal(await sockets[0].closed, 1000);
  assert.equal(sockets.length, 1);
});

test("in strict mode, where React mounts twice, one session is left", async (t) => {
  const { url, sockets } = await answering(t);
  const { until, unmount } = mount({ url, server: "demo" });
  const { session } = await until(ready);
  // Whatever the first mount opened is closed again.
  await Promise.all(sockets.slice(0, -1).map(({ closed }) => closed));
  assert.equal(session.state, "ready");
  unmount();
  await sockets.at(-1).closed;
  assert.equal(session.state, "closed");
});

test("a list that changes is read anew", async (t) => {
  let tools = [{ name: "one" }];
  const { url, sockets } = await answering(t, { lists: { "tools/list": () => ({ tools }) } });
  const { until } = mount({ url, server: "demo" });
  await until(ready);
  tools = [{ name: "one" }, { name: "two" }];
  sockets.at(-1).send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  const { state } = await until((result) => result.tools.length === 2);
  assert.equal(state, "ready");
});

test("options written anew at each render are the same session, and another server is another", async (t) => {
  const { url, sockets } = await answering(t);
  const heard = [];
  const options = (server, mark) => ({ url, server, params: undefined, handlers: { "roots/list": () => (heard.push(mark), { roots: [] }) } });
  const { until, render, seen } = mount(options("a", 1), { strict: false });
  const first = (await until(ready)).session;
  render(options("a", 2));
  const before = seen.length;
  await until(() => seen.length > before);
  assert.equal(sockets.length, 1);
  // The latest handler is the one that answers.
  const answered = new Promise((resolve) => sockets[0].socket.once("message", resolve));
  sockets[0].send({ jsonrpc: "2.0", id: 9, method: "roots/list" });
  await answered;
  assert.deepEqual(heard, [2]);
  render(options("b", 3));
  const { session } = await until(({ state, session }) => state === "ready" && session !== first);
  assert.notEqual(session, first);
  assert.equal(await sockets[0].closed, 1000);
});

test("a session that is lost is connected anew", async (t) => {
  const { url, sockets } = await answering(t);
  const { until, states } = mount({ url, server: "demo" }, { strict: false });
  const first = (await until(ready)).session;
  sockets[0].close(1012, "restart");
  const lost = await until(({ state }) => state === "reconnecting");
  assert.deepEqual([lost.attempt, lost.session, lost.tools], [1, null, []]);
  assert.equal(lost.error.code, "socket_closed");
  const again = await until(({ state, session }) => state === "ready" && session !== first);
  assert.deepEqual([again.error, again.attempt], [null, 0]);
  assert.ok(states().includes("reconnecting"));
});

test("a lost session stays lost where that is wished, until somebody reconnects", async (t) => {
  const { url, sockets } = await answering(t);
  const { until } = mount({ url, server: "demo", reconnect: false }, { strict: false });
  await until(ready);
  sockets[0].close(4502, "gone");
  const { error, reconnect, callTool } = await until(({ state }) => state === "failed");
  assert.equal(error.side, "bridge");
  await assert.rejects(callTool("add"), /is not connected/);
  reconnect();
  const again = await until(ready);
  again.disconnect();
  await until(({ state }) => state === "idle");
  assert.equal(await sockets.at(-1).closed, 1000);
});

test("what will not get better is not tried again, and what may is", async (t) => {
  const refused = [403, { message: "no", error: { code: "params_denied", side: "browser" } }];
  const denied = await answering(t, { refuse: () => refused });
  const failed = await mount({ url: denied.url, server: "demo" }, { strict: false }).until(({ state }) => state === "failed");
  assert.equal(failed.error.code, "params_denied");
  assert.equal(denied.attempts(), 1);
  const full = [503, { message: "full", error: { code: "too_many_sessions", side: "bridge" } }];
  const busy = await answering(t, { refuse: (attempt) => (attempt === 0 ? full : undefined) });
  await mount({ url: busy.url, server: "demo" }, { strict: false }).until(ready);
  assert.equal(busy.attempts(), 2);
});

test("nothing is opened while it is not enabled, or on a server", async (t) => {
  const { url, attempts, sockets } = await answering(t);
  const { until, render, states } = mount({ url, server: "demo", enabled: false }, { strict: false });
  await until(({ state }) => state === "idle");
  const html = renderToString(createElement(() => createElement("p", null, useMcp({ url, server: "demo" }).state)));
  assert.equal(html, "<p>idle</p>");
  assert.equal(attempts(), 0);
  render({ url, server: "demo" });
  await until(ready);
  render({ url, server: "demo", enabled: false });
  await until(({ state }) => state === "idle");
  await sockets[0].closed;
  assert.deepEqual(states().filter((state) => state === "failed"), []);
});

test("a component reaches the reference server through the real bridge", async (t) => {
  const real = await startCatalogue();
  t.after(() => real.stop());
  const { until, unmount } = mount({
    url: real.origin,
    token: real.token,
    server: "everything",
    handlers: { "elicitation/create": () => ({ action: "accept", content: { name: "Ada" } }) },
  });
  const { callTool, resourceTemplates, session } = await until(({ state, tools }) => state === "ready" && tools.some(({ name }) => name === "trigger-elicitation-request"));
  assert.ok(resourceTemplates.length > 0);
  const { content } = await callTool("trigger-elicitation-request");
  assert.match(content.map(({ text }) => text).join(), /Ada/);
  const closed = session.events("close");
  unmount();
  assert.equal((await closed.next()).value.code, 1000);
});
