// The package as npm installs it, built by the tools people use, in a real browser under a strict policy.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, before, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { startBridge } from "../js/real.mjs";
import { TOOLS, makeProject } from "./project.mjs";
import { RUNTIMES, runProgram } from "./runtimes.mjs";

const EXPECTED = { carried: "2025-11-25", add: true, steps: [1, 2, 3], sum: 42, asked: "accept", refused: "server", closed: 1000 };
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

let project;
let site;
let bridge;
let browser;

/** Serves `root`, every file with the policy that a path under `/strict/` or `/without/` asks for. */
async function startSite(root) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://site");
    const [, policy, ...rest] = pathname.split("/");
    const path = normalize(rest.join("/") || ".").replace(/\/$/, "");
    const file = join(root, existsSync(join(root, path, "index.html")) ? join(path, "index.html") : path);
    const wasm = policy === "strict" ? " 'wasm-unsafe-eval'" : "";
    const reach = `'self' ${bridge?.origin} ${bridge?.origin.replace("http", "ws")}`;
    try {
      const body = await readFile(file);
      response.writeHead(200, {
        "content-type": TYPES[extname(file)] ?? "application/octet-stream",
        "content-security-policy": `default-src 'none'; script-src 'self'${wasm}; worker-src 'self'; connect-src ${reach}; img-src data:`,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
}

before(async () => {
  project = makeProject();
  site = await startSite(join(project.folder, "built"));
  [bridge, browser] = await Promise.all([
    startBridge("--allow-origin", site.origin),
    chromium.launch({
      executablePath: process.env.FOOTBRIDGE_CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
    }),
  ]);
});

after(async () => {
  await browser?.close();
  await bridge?.stop();
  await site?.stop();
  project?.remove();
});

/** A page of what a tool built, and everything about it that a person would call broken. */
async function open(path) {
  const page = await browser.newPage();
  const problems = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(`${site.origin}${path}`);
  await page.waitForFunction(() => globalThis.environments !== undefined);
  const run = (environment, more = {}) => {
    const place = { url: bridge.origin, token: bridge.token, ...more };
    return page.evaluate(([environment, place]) => globalThis.environments[environment](place), [environment, place]);
  };
  return { page, problems, run };
}

for (const [tool, build] of Object.entries(TOOLS)) {
  describe(`built by ${tool}`, () => {
    let opened;
    before(async () => {
      await build(project, join(project.folder, "built", tool));
      opened = await open(`/strict/${tool}/`);
    });
    after(() => opened?.page.close());

    for (const environment of ["page", "worker", "shared"]) {
      test(`a session lives in a ${environment}, without 'unsafe-eval'`, async () => {
        assert.deepEqual(await opened.run(environment), EXPECTED);
        assert.deepEqual(opened.problems, []);
      });
    }
  });
}

test("the WebAssembly can come from another place", async () => {
  const { page, run, problems } = await open("/strict/none/");
  const wasm = `${site.origin}/strict/none/footbridge/pkg/client_bg.wasm`;
  await page.route("**/pkg/client_bg.wasm", (route) => (route.request().url() === wasm ? route.continue() : route.abort()));
  assert.deepEqual(await run("page", { wasm }), EXPECTED);
  assert.deepEqual(problems, []);
  await page.close();
});

test("a policy that forbids WebAssembly is an error that names the way out", async () => {
  const { page, run } = await open("/without/none/");
  const { failed, message } = await run("page");
  assert.equal(failed, "load_failed");
  assert.match(message, /WebAssembly/);
  await page.close();
});

for (const [name, program] of Object.entries(RUNTIMES)) {
  test(`a session lives in ${name}`, async () => {
    assert.deepEqual(JSON.parse(await runProgram(program(), project, bridge)), EXPECTED);
  });
}
