// What a program finds when it installs the package.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { gzipSync } from "node:zlib";

import { bridge } from "./bridge.mjs";

const installed = join(import.meta.dirname, "node_modules/footbridge");
const read = (path) => readFileSync(join(installed, path));
const manifest = JSON.parse(read("package.json"));

/** The module that an environment gets for `import "footbridge"`. */
const entry = (condition) => new URL(manifest.exports["."][condition], import.meta.resolve("footbridge/package.json"));

/** What `act`, given a fresh copy of the package, gives back in a thread of its own. */
async function inWorker(act, given) {
  const program = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { entry, given } = workerData;
    import(entry).then(${act}).then((value) => parentPort.postMessage(value));`;
  const workerData = { entry: entry("node").href, given };
  const worker = new Worker(program, { eval: true, workerData });
  try {
    return await new Promise((resolve, reject) => {
      worker.once("message", resolve).once("error", reject);
    });
  } finally {
    await worker.terminate();
  }
}

test("the tarball holds the package and nothing else", () => {
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(installed.length + 1));
  assert.deepEqual(files.sort(), [
    "README.md",
    "npm/error.js",
    "npm/events.js",
    "npm/handlers.js",
    "npm/index.d.ts",
    "npm/index.js",
    "npm/keep.js",
    "npm/library.js",
    "npm/mcp.d.ts",
    "npm/methods.d.ts",
    "npm/methods.js",
    "npm/node.js",
    "npm/place.js",
    "npm/react.d.ts",
    "npm/react.js",
    "npm/session.js",
    "npm/tasks.js",
    "npm/transport.d.ts",
    "npm/transport.js",
    "npm/urls.js",
    "package.json",
    "pkg/client.js",
    "pkg/client_bg.wasm",
  ]);
});

test("every path of the exports map is in the tarball", () => {
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const target of targets) assert.ok(read(target).length > 0, target);
  assert.equal(Object.keys(manifest.exports["."])[0], "types");
  assert.equal(Object.keys(manifest.exports["."]).at(-1), "default");
  assert.equal(import.meta.resolve("footbridge"), entry("node").href);
  assert.match(import.meta.resolve("footbridge/client_bg.wasm"), /client_bg\.wasm$/);
});

test("both entries export what the types declare", async () => {
  const declared = [...read("npm/index.d.ts").toString().matchAll(/^export declare (?:class|function) (\w+)/gm)]
    .map(([, name]) => name)
    .sort();
  assert.ok(declared.includes("connect"));
  for (const condition of ["node", "default"]) {
    assert.deepEqual(Object.keys(await import(entry(condition))).sort(), declared);
  }
});

test("no type of the package is any", () => {
  const declarations = readdirSync(join(installed, "npm")).filter((name) => name.endsWith(".d.ts"));
  assert.ok(declarations.length >= 5);
  for (const name of declarations) {
    const code = read(join("npm", name)).toString().replaceAll(/\/\*[\s\S]*?\*\//g, "");
    assert.doesNotMatch(code, /\bany\b/, name);
  }
});

test("the module is small enough for a page", () => {
  const size = gzipSync(read("pkg/client_bg.wasm"), { level: 9 }).length;
  assert.ok(size < 60_000, `client_bg.wasm is ${size} bytes compressed`);
});

test("importing does nothing, on a server as in a browser", async () => {
  const watcher = `
    const { parentPort, workerData } = require("node:worker_threads");
    const touched = [];
    for (const name of ["fetch", "WebSocket", "location", "setTimeout"]) {
      const value = globalThis[name];
      Object.defineProperty(globalThis, name, { get: () => (touched.push(name), value), configurable: true });
    }
    const compile = WebAssembly.instantiate;
    WebAssembly.instantiate = (...args) => (touched.push("WebAssembly"), compile(...args));
    const before = Object.getOwnPropertyNames(globalThis).length;
    import(workerData).then(() => {
      if (Object.getOwnPropertyNames(globalThis).length !== before) touched.push("globalThis");
      parentPort.postMessage(touched);
    });`;
  const entries = [entry("node").href, entry("default").href, import.meta.resolve("footbridge/transport")];
  for (const workerData of entries) {
    const worker = new Worker(watcher, { eval: true, workerData });
    const touched = await new Promise((resolve, reject) => {
      worker.once("message", resolve).once("error", reject);
    });
    await worker.terminate();
    assert.deepEqual(touched, []);
  }
});

test("the module can be loaded from a path, a URL, an answer, bytes or a compiled module", async (t) => {
  const wasm = read("pkg/client_bg.wasm");
  const file = fileURLToPath(import.meta.resolve("footbridge/client_bg.wasm"));
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/wasm" }).end(wasm);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const sources = {
    path: file,
    fileUrl: pathToFileURL(file).href,
    url: `http://127.0.0.1:${server.address().port}/client_bg.wasm`,
    bytes: wasm,
    module: await WebAssembly.compile(wasm),
  };
  const outcomes = {};
  for (const [name, source] of Object.entries(sources)) {
    outcomes[name] = await inWorker(
      `({ load, servers }) => load(given).then(servers).catch((error) => error.message)`,
      source,
    );
  }
  outcomes.answer = await inWorker(
    `({ load, servers }) => fetch(given).then(load).then(servers).catch((error) => error.message)`,
    sources.url,
  );
  for (const [name, message] of Object.entries(outcomes)) {
    // Loaded: the core itself says what is wrong with the call.
    assert.match(message, /no page to resolve it against/, name);
  }
});

test("a module that cannot be loaded is an error like any other, and the next call tries again", async (t) => {
  const { url } = await bridge(t);
  const message = await inWorker(
    `async ({ load, servers, FootbridgeError }) => {
      const error = await load(new Uint8Array([1, 2, 3])).catch((error) => error);
      const names = (await servers({ url: given })).map((server) => server.name);
      return [error instanceof FootbridgeError, error.code, names];
    }`,
    url,
  );
  assert.deepEqual(message, [true, "load_failed", ["demo"]]);
});

test("the example of the README works", async (t) => {
  const { url, peer } = await bridge(t);
  const example = read("README.md").toString().match(/```js\n(import[\s\S]*?)```/)[1];
  assert.ok(example.trimEnd().split("\n").length <= 12, "ten lines, more or less");
  assert.ok(example.includes("http://127.0.0.1:8000"));
  const printed = t.mock.method(console, "log", () => {});
  const source = example
    .replace("http://127.0.0.1:8000", url)
    .replace('"footbridge"', JSON.stringify(import.meta.resolve("footbridge")));
  const running = import(`data:text/javascript,${encodeURIComponent(source)}`);
  const bridgeEnd = await peer;
  const list = await bridgeEnd.receive();
  assert.equal(list.method, "tools/list");
  bridgeEnd.result(list.id, { tools: [{ name: "add" }] });
  const call = await bridgeEnd.receive();
  assert.deepEqual(call.params, { name: "add", arguments: { a: 2, b: 3 } });
  bridgeEnd.result(call.id, { content: [{ type: "text", text: "5" }] });
  await running;
  assert.equal(await bridgeEnd.closed, 1000);
  const shown = printed.mock.calls.flatMap((call) => call.arguments);
  assert.deepEqual(shown, ["add", "5"]);
});
