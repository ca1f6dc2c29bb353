// Measures the package beside the official SDK in a real browser: what a page loads, how many calls a second, how
// much memory. `npm run compare` prints the tables of docs/comparison.md; give a release build in FOOTBRIDGE_BINARY.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocketServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

import { build } from "esbuild";
import { chromium } from "playwright-core";

import { SERVERS, startBridge } from "../js/real.mjs";
import { RUNTIMES } from "./runtimes.mjs";

const here = import.meta.dirname;
const packages = join(here, "../js/node_modules");
const SEQUENTIAL = 500;
const AT_ONCE = 16;
const MANY = 1_000;
const ROUNDS = 3;

/** The same program, once for each way: it opens a session and gives back how to call the tool `echo`. */
const WAYS = {
  "footbridge, server over stdio": ({ origin, token }) => `
    import { connect } from "footbridge";
    const session = await connect({ url: "${origin}", token: "${token}", server: "fixture" });
    globalThis.call = (message) => session.callTool("echo", { message });`,
  "footbridge, server over HTTP": ({ origin, token, remote }) => `
    import { connect } from "footbridge";
    const params = { type: "StreamableHttpServerParams", url: "${remote}" };
    const session = await connect({ url: "${origin}", token: "${token}", params });
    globalThis.call = (message) => session.callTool("echo", { message });`,
  "SDK over footbridge/transport, server over stdio": ({ origin, token }) => `
    import { Client } from "@modelcontextprotocol/client";
    import { FootbridgeTransport } from "footbridge/transport";
    const client = new Client({ name: "compare", version: "1" });
    await client.connect(new FootbridgeTransport({ url: "${origin}", token: "${token}", server: "fixture" }));
    globalThis.call = (message) => client.callTool({ name: "echo", arguments: { message } });`,
  "SDK over Streamable HTTP, no bridge": ({ remote }) => `
    import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
    const client = new Client({ name: "compare", version: "1" });
    await client.connect(new StreamableHTTPClientTransport(new URL("${remote}")));
    globalThis.call = (message) => client.callTool({ name: "echo", arguments: { message } });`,
};

const freePort = () => new Promise((resolve) => {
  const server = createSocketServer();
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** The test server over Streamable HTTP, without the bridge. */
async function startRemote(origin) {
  const port = await freePort();
  const [node] = RUNTIMES["Node.js"]();
  const child = spawn(node, [join(here, "../servers/fixture.mjs"), "http", String(port)], { stdio: "ignore", env: { ...process.env, FIXTURE_ORIGIN: origin } });
  const url = `http://127.0.0.1:${port}/mcp`;
  for (let tries = 0; tries < 200; tries += 1) {
    if (await fetch(url, { method: "POST" }).then(() => true, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { url, port, stop: () => child.kill() };
}

async function bundle(source) {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: join(packages, ".."), loader: "js" },
    bundle: true, minify: true, format: "esm", platform: "browser", conditions: ["browser"], write: false, logLevel: "error",
  });
  return outputFiles[0].contents;
}

/** Runs in the page. */
async function run({ sequential, many, atOnce }) {
  const times = [];
  for (let n = 0; n < sequential; n += 1) {
    const begun = performance.now();
    await globalThis.call("hello");
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  let left = many;
  const begun = performance.now();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (left-- > 0) await globalThis.call("hello");
  }));
  const rate = many / ((performance.now() - begun) / 1_000);
  return { p50: times[Math.floor(times.length * 0.5)], p99: times[Math.floor(times.length * 0.99)], rate };
}

/** What the page's JavaScript holds after everything that can go has gone, in bytes. */
async function memory(protocol) {
  await protocol.send("HeapProfiler.collectGarbage");
  const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await protocol.send("Runtime.getHeapUsage");
  return usedSize + embedderHeapUsedSize + backingStorageSize;
}

const folder = mkdtempSync(join(tmpdir(), "footbridge-compare-"));
writeFileSync(join(folder, "servers.json"), JSON.stringify({ mcpServers: { fixture: SERVERS.fixture } }));
const wasm = readFileSync(join(packages, "footbridge/pkg/client_bg.wasm"));
let script = "";
const site = createServer((request, response) => {
  if (request.url === "/pkg/client_bg.wasm") return response.setHeader("content-type", "application/wasm").end(wasm);
  if (request.url === "/js/main.js") return response.setHeader("content-type", "text/javascript").end(script);
  response.setHeader("content-type", "text/html").end('<!doctype html><link rel="icon" href="data:,"><script type="module" src="/js/main.js"></script>');
});
await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${site.address().port}`;
const remote = await startRemote(origin);
const bridge = await startBridge("--servers", join(folder, "servers.json"), "--allow-origin", origin, "--allow-upstream", `127.0.0.1:${remote.port}`);
const browser = await chromium.launch({
  executablePath: process.env.FOOTBRIDGE_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
});

try {
  const rows = new Map();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, source] of Object.entries(WAYS)) {
      const text = source({ origin: bridge.origin, token: bridge.token, remote: remote.url });
      script = await bundle(text);
      const loads = brotliCompressSync(script).length + (text.includes('"footbridge"') ? brotliCompressSync(wasm).length : 0);
      const page = await browser.newPage();
      const protocol = await page.context().newCDPSession(page);
      await protocol.send("Runtime.enable");
      const failed = new Promise((_, reject) => page.once("pageerror", (error) => reject(new Error(`${name}: ${error.message}`))));
      await page.goto(origin);
      await Promise.race([page.waitForFunction(() => globalThis.call !== undefined), failed]);
      await page.evaluate(run, { sequential: 100, many: 200, atOnce: AT_ONCE });
      const measured = await page.evaluate(run, { sequential: SEQUENTIAL, many: MANY, atOnce: AT_ONCE });
      const bytes = await memory(protocol);
      await page.close();
      rows.set(name, [...(rows.get(name) ?? []), { ...measured, bytes, loads }]);
    }
  }
  console.log("| way | loads (brotli) | one after the other: p50 | p99 | 16 at a time | memory after |\n|---|---|---|---|---|---|");
  for (const [name, rounds] of rows) {
    const best = (member, pick = Math.min) => pick(...rounds.map((round) => round[member]));
    const cells = [
      `${(best("loads") / 1_000).toFixed(1)} kB`,
      `${best("p50").toFixed(2)} ms`,
      `${best("p99").toFixed(2)} ms`,
      `${Math.round(best("rate", Math.max))} calls/s`,
      `${(best("bytes") / 1e6).toFixed(1)} MB`,
    ];
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
} finally {
  await browser.close();
  await bridge.stop();
  remote.stop();
  site.close();
  rmSync(folder, { recursive: true });
}
