// A page under attack: starts what it takes, and remembers everything that would be an attack that worked.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startBridge, startBrowser } from "./bridge.mjs";

/** The program of the hostile MCP server. */
export const program = fileURLToPath(new URL("hostile.mjs", import.meta.url));

/** A bridge with the hostile server in its catalogue, a browser, and a listener for what must not be asked. */
export async function startAttack() {
  const folder = mkdtempSync(join(tmpdir(), "footbridge-hostile-"));
  const servers = join(folder, "servers.json");
  writeFileSync(servers, JSON.stringify({ mcpServers: { hostile: { command: process.execPath, args: [program] } } }));
  const elsewhere = await startElsewhere();
  // The names an attack uses lead to the listener, so that whoever is asked in spite of all is counted.
  const rules = ["*.example", "example.com", "xn--pple-43d.com"].map((name) => `MAP ${name} 127.0.0.1:${elsewhere.port}`).join(",");
  const [bridge, browser] = await Promise.all([startBridge("--servers", servers), startBrowser(`--host-resolver-rules=${rules}`)]);
  return {
    bridge,
    browser,
    elsewhere,
    folder,
    watched: (options) => watched({ bridge, browser, elsewhere }, options),
    async stop() {
      await browser.close();
      assert.equal(await bridge.stop(), 0, "the bridge ends in order");
      await elsewhere.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The rest of the world: it counts who knocks. */
async function startElsewhere() {
  const elsewhere = { knocks: 0 };
  const server = createServer((socket) => {
    elsewhere.knocks += 1;
    socket.on("error", () => {});
    socket.end("HTTP/1.1 204 No Content\r\naccess-control-allow-origin: *\r\nconnection: close\r\n\r\n");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(elsewhere, { port: server.address().port, stop: () => new Promise((resolve) => server.close(resolve)) });
}

/** A page, and everything that would be an attack that worked. */
async function watched({ bridge, browser, elsewhere }, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  await context.addInitScript(() => {
    window.__violations = [];
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => window.__violations.push(`${effectiveDirective} ${blockedURI}`));
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const seen = { requests: [], sockets: [], problems: [] };
  context.on("request", (request) => {
    const { url, method, headers } = { url: request.url(), method: request.method(), headers: request.headers() };
    seen.requests.push({ url, method, authorization: headers.authorization });
    if (!url.startsWith(bridge.origin) && !url.startsWith("data:")) seen.problems.push(`a request to ${url}`);
  });
  context.on("page", (popup) => popup !== page && seen.problems.push(`a popup of ${popup.url()}`));
  page.on("websocket", (socket) => {
    seen.sockets.push(socket.url());
    if (!socket.url().startsWith(bridge.origin.replace("http", "ws"))) seen.problems.push(`a socket to ${socket.url()}`);
  });
  page.on("dialog", (dialog) => {
    seen.problems.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("download", (download) => seen.problems.push(`a download of ${download.url()}`));
  page.on("framenavigated", (frame) => {
    if (frame !== page.mainFrame()) seen.problems.push(`a frame of ${frame.url()}`);
    else if (!frame.url().startsWith(bridge.origin)) seen.problems.push(`a navigation to ${frame.url()}`);
  });
  page.on("pageerror", (error) => seen.problems.push(`an error of the page: ${error}`));
  return { page, seen, elsewhere, knocks: elsewhere.knocks };
}

/** No script ran, no dialog, popup, download or navigation, nobody else was asked, the page's policy was not even tried. */
export async function assertNothingHappened({ page, seen, elsewhere, knocks }) {
  const state = await page.evaluate(() => ({
    pwned: window.__pwned ?? 0,
    violations: window.__violations,
    elements: document.querySelectorAll("iframe, script:not([src]), object, embed, base, meta[http-equiv], [onerror], [onload], body svg script").length,
    schemes: [...document.querySelectorAll("[href], [src], [xlink\\:href], [action], [formaction]")].map((element) => new URL(element.getAttribute("href") ?? element.getAttribute("src") ?? "", location.href).protocol),
  }));
  assert.equal(state.pwned, 0, "no script ran");
  assert.deepEqual(state.violations, [], "violations of the page's policy");
  assert.equal(state.elements, 0, "no element came out of a text");
  assert.deepEqual([...new Set(state.schemes)].filter((scheme) => !["http:", "https:", "data:"].includes(scheme)), []);
  assert.deepEqual(seen.problems, []);
  assert.equal(elsewhere.knocks, knocks, "nobody else was asked");
}

export const stateOf = (page) => page.getByTestId("state").getAttribute("data-state");

export const ready = (page) => page.locator('[data-testid="state"][data-state="ready"]').waitFor();
