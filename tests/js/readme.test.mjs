// Every example of the README, run as it stands there: only where the bridge is, is put in.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { transform } from "esbuild";
import { connect, servers } from "footbridge";
import { Window } from "happy-dom";

import { bridge as scripted } from "./bridge.mjs";
import { startCatalogue } from "./real.mjs";

const installed = join(import.meta.dirname, "node_modules/footbridge");
const AsyncFunction = (async () => {}).constructor;

/** The examples: what is above them, their language, and their text. */
const EXAMPLES = [];
let heading = "";
for (const [, title, language, text] of readFileSync(join(installed, "README.md"), "utf8").matchAll(/^#+ (.*)$|^```(\w*)\n([\s\S]*?)^```$/gm)) {
  if (title) heading = title;
  else if (language !== "sh") EXAMPLES.push({ heading, language, text, isRun: false });
}

/** The example that has `mark` in it. */
function example(mark) {
  const found = EXAMPLES.filter(({ text }) => text.includes(mark));
  assert.equal(found.length, 1, `one example has ${mark}`);
  found[0].isRun = true;
  return found[0].text;
}

/** Runs an example that is no module of its own, with these names. */
const runWith = (text, names) => new AsyncFunction(...Object.keys(names), text)(...Object.values(names));

/** Imports an example that is a module, from where it finds the packages it names. */
async function runModule(name, text) {
  const folder = join(import.meta.dirname, "node_modules/.readme");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  return import(join(folder, name));
}

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

test("the first ten lines add two numbers", async (t) => {
  const printed = t.mock.method(console, "log", () => {});
  const text = example('for await (const tool of session.tools())');
  await runModule("first.mjs", text.replace('"http://127.0.0.1:8000"', `${JSON.stringify(bridge.origin)}, token: ${JSON.stringify(bridge.token)}`));
  const lines = printed.mock.calls.map(({ arguments: [line] }) => line);
  assert.ok(lines.includes("add"));
  assert.equal(lines.at(-1), "2 + 3 = 5");
});

test("a session that is to be taken up again begins as a new one", async (t) => {
  const printed = t.mock.method(console, "log", () => {});
  const text = example("resume: { key").replace('"http://127.0.0.1:8000"', `${JSON.stringify(bridge.origin)}, token: ${JSON.stringify(bridge.token)}`);
  await runModule("kept.mjs", text);
  const lines = printed.mock.calls.map(({ arguments: [line] }) => line);
  assert.ok(lines.includes("new"));
  assert.ok(lines.includes("2 + 3 = 5"));
});

test("each kind of server params is one", async (t) => {
  const { url, calls } = await scripted(t);
  await runWith(example("npx"), { connect, url, token: "t" });
  const kinds = calls.map(({ body }) => JSON.parse(body).server_params.type);
  assert.deepEqual(kinds, ["StdioServerParams", "StreamableHttpServerParams", "SseServerParams"]);
});

test("a server of the catalogue gets what it asks for", async (t) => {
  const printed = t.mock.method(console, "log", () => {});
  const text = example("servers({ url, token })");
  const inputs = JSON.parse(/\/\/ (\[.*\])/.exec(text)[1].replace(/(\w+):(?= )/g, '"$1":'));
  const listed = { servers: [{ name: "files", transport: "stdio", inputs }] };
  const { url, calls } = await scripted(t, { routes: { "GET /api/mcp/servers": () => [200, listed] } });
  await runWith(text, { connect, servers, url, token: "t" });
  assert.deepEqual(printed.mock.calls[0].arguments, [inputs]);
  assert.deepEqual(JSON.parse(calls.at(-1).body).server_params, { type: "named", server: "files", inputs: { root: "/srv/photos" } });
});

test("every method of the examples works on the reference server", async (t) => {
  t.mock.method(console, "log", () => {});
  const session = await open(t, "everything");
  await runWith(example("session.resourceTemplates()"), { session });
  const { signal } = new AbortController();
  await runWith(example("maxTimeout: 600_000"), { session, signal });
  await runWith(example("session.events("), { session, signal });
  await runWith(example("session.startTask("), { session });
});

test("the handlers of the example answer", async (t) => {
  const asked = [];
  const { session } = await (async () => {
    const names = {
      connect,
      url: bridge.origin,
      token: bridge.token,
      askToOpen: () => true,
      askTheUser: (message) => (asked.push(message), { name: "Ada", colour: "red" }),
      callYourModel: () => ({ role: "assistant", model: "none", content: { type: "text", text: "yes" } }),
    };
    return runWith(`${example("askTheUser")}\nreturn { session };`, names);
  })();
  t.after(() => session.close());
  const { structuredContent } = await session.callTool("ask_elicitation", {});
  assert.equal(structuredContent.action, "accept");
  assert.equal(asked.length, 1);
});

test("the official SDK works as its example shows, in either generation", async () => {
  const text = example("FootbridgeTransport(").replace('"http://127.0.0.1:8000"', JSON.stringify(bridge.origin)).replace('"…"', JSON.stringify(bridge.token));
  const shown = `${text}\nexport { tools };`;
  const older = /or ("@model[^"]+")/.exec(text)[1];
  for (const [name, source] of [["second.mjs", shown], ["third.mjs", shown.replace('"@modelcontextprotocol/client"', older)]]) {
    const { tools } = await runModule(name, source);
    assert.ok(tools.length > 5);
  }
});

test("the component of the example shows the tools of a server", async (t) => {
  const page = new Window({ url: "http://127.0.0.1/" });
  Object.assign(globalThis, { window: page, document: page.document, IS_REACT_ACT_ENVIRONMENT: false });
  const { code } = await transform(example("useMcp("), { loader: "jsx", jsx: "automatic", format: "esm" });
  const { Tools } = await runModule("fourth.mjs", code);
  const { createElement } = await import("react");
  const { createRoot } = await import("react-dom/client");
  const element = page.document.createElement("div");
  const shown = new Promise((resolve) => {
    new page.MutationObserver(() => element.textContent.includes("get-sum") && resolve()).observe(element, { childList: true, subtree: true });
  });
  const root = createRoot(element);
  root.render(createElement(Tools, { url: bridge.origin, token: bridge.token }));
  await shown;
  root.unmount();
});

test("no example is left out", () => {
  assert.ok(EXAMPLES.length >= 9);
  assert.deepEqual(EXAMPLES.filter(({ isRun }) => !isRun).map(({ heading }) => heading), []);
});
