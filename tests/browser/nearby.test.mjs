// A page from the internet that wants to reach a bridge on this machine: the browser has a say in that.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { openPage, startBridge, startBrowser } from "./bridge.mjs";
import { startSite } from "./site.mjs";

const folder = new URL("../../client-wasm/", import.meta.url);
const html = '<!doctype html><link rel="icon" href="data:,"><title>nearby</title>';

let site;
let bridge;
let browser;
/** The site as a page of the internet, with and without what counts as https. */
let secure;
let other;
let insecure;

before(async () => {
  site = await startSite(html, folder);
  const { port } = new URL(site.origin);
  secure = `http://page.test:${port}`;
  other = `http://other.test:${port}`;
  insecure = `http://plain.test:${port}`;
  bridge = await startBridge("--allow-origin", secure);
  browser = await startBrowser(
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    `--ip-address-space-overrides=127.0.0.1:${port}=public`,
    `--unsafely-treat-insecure-origin-as-secure=${secure},${other}`,
  );
});

after(async () => {
  await browser?.close();
  assert.equal(await bridge?.stop(), 0, "the bridge ends in order");
  await site?.stop();
});

/** What `connect` says to a page at `origin`; `setting` is what the person said, and `url` where the bridge is. */
async function outcome(origin, setting, url = bridge.origin, frame) {
  const { page } = await openPage(browser);
  const devtools = await browser.newBrowserCDPSession();
  const { targetInfos } = await devtools.send("Target.getTargets");
  const { browserContextId } = targetInfos.find((target) => target.type === "page" && target.url === "about:blank") ?? {};
  for (const name of ["loopback-network", "local-network-access"]) {
    if (setting) await devtools.send("Browser.setPermission", { permission: { name }, setting, origin, browserContextId });
  }
  await page.goto(origin);
  let scope = page;
  if (frame) {
    const loaded = page.waitForEvent("framenavigated");
    await page.evaluate(({ origin, allow }) => {
      const element = document.createElement("iframe");
      if (allow) element.allow = allow;
      element.src = origin;
      document.body.append(element);
    }, frame);
    scope = await loaded;
    await scope.waitForLoadState();
  }
  const result = await scope.evaluate(async ({ url, token }) => {
    const { connect } = await import("/npm/index.js");
    return connect({ url, token, server: "demo" }).then(
      async (session) => (await session.close(), { code: "connected" }),
      ({ code, side, message, hint }) => ({ code, side, message, hint }),
    );
  }, { url, token: bridge.token });
  await page.context().close();
  return result;
}

/** A port of this machine that nobody listens on. */
async function nobody() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

test("a page that was given leave reaches the bridge on this machine", async () => {
  assert.deepEqual(await outcome(secure, "granted"), { code: "connected" });
});

test("a page that was refused leave is told that it was the browser, and where to change that", async () => {
  const { code, side, message, hint } = await outcome(secure, "denied");
  assert.deepEqual([code, side], ["local_network_denied", "browser"]);
  assert.equal(message, "the browser does not let this page reach this machine");
  assert.match(hint, /settings for this site/);
});

test("a page with leave and nobody to talk to is told that nothing answers", async () => {
  const { code, side, hint } = await outcome(secure, "granted", await nobody());
  assert.deepEqual([code, side], ["unreachable", "bridge"]);
  assert.match(hint, /lets this page reach this machine, so nothing answers there/);
});

test("a page that nobody gave leave or refused it is told that the browser asks", async () => {
  const { code, hint } = await outcome(secure, "prompt");
  assert.equal(code, "unreachable");
  assert.match(hint, /answer with Allow and connect again/);
});

test("a page that is not served over https is told that it has to be", async () => {
  const { code, hint } = await outcome(insecure);
  assert.equal(code, "local_network_denied");
  assert.match(hint, /serve this page over https/);
});

test("a page in a frame with the attribute reaches the bridge", async () => {
  const allow = "loopback-network; local-network-access";
  assert.deepEqual(await outcome(other, "granted", bridge.origin, { origin: secure, allow }), { code: "connected" });
});

test("a page in a frame without leave is told which attribute the frame needs", async () => {
  const { code, hint } = await outcome(other, undefined, bridge.origin, { origin: secure });
  assert.equal(code, "local_network_denied");
  assert.match(hint, /allow="loopback-network; local-network-access"/);
});
