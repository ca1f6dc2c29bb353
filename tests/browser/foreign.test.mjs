import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openPage, startBridge, startBrowser } from "./bridge.mjs";
import { startSite } from "./site.mjs";

const folder = mkdtempSync(join(tmpdir(), "footbridge-browser-"));
let bridge;
let browser;
let other;

before(async () => {
  [bridge, browser, other] = await Promise.all([
    startBridge(),
    startBrowser(),
    startSite("<!doctype html><title>other</title>"),
  ]);
});

after(async () => {
  await browser?.close();
  assert.equal(await bridge?.stop(), 0, "the bridge ends in order");
  await other?.stop();
  rmSync(folder, { recursive: true });
});

/** Params of a program that leaves a file as soon as it runs, and what finds out. */
function marker(name) {
  const path = join(folder, name);
  const params = { type: "StdioServerParams", command: "/usr/bin/touch", args: [path] };
  return { query: `server_params=${encodeURIComponent(btoa(JSON.stringify(params)))}`, ran: () => existsSync(path) };
}

/** Opens a socket in a page; whether it opened. */
function openSocket(page, path, protocols = []) {
  return page.evaluate(
    ({ url, protocols }) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, protocols);
        socket.onopen = () => resolve("open");
        socket.onerror = () => resolve("refused");
      }),
    { url: `${bridge.origin.replace("http", "ws")}${path}`, protocols },
  );
}

async function connectToDemo() {
  const response = await fetch(`${bridge.origin}/api/mcp/ws/connect`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${bridge.token}` },
    body: JSON.stringify({ server_params: { type: "named", server: "demo" } }),
  });
  return (await response.json()).websocket_url;
}

/** A session that was opened and greeted later than everything before it. */
async function settle() {
  const { page } = await openPage(browser);
  await page.goto(bridge.url);
  await page.getByTestId("connect-demo").click();
  await page.locator('[data-testid="state"][data-state="ready"]').waitFor();
  await page.context().close();
}

const sessions = () => bridge.log().split("session opened").length - 1;

test("a page of another origin starts nothing, whatever it knows", async () => {
  const { page } = await openPage(browser);
  await page.goto(other.origin);
  const before = sessions();
  const marks = ["ticketless", "native", "token"].map(marker);
  const [ticketless, native, token] = marks;
  assert.equal(await openSocket(page, `/api/mcp/ws/x?${ticketless.query}`), "refused");
  assert.equal(await openSocket(page, `/api/mcp/ws/x?${native.query}`, ["footbridge.v1"]), "refused");
  const withToken = ["footbridge.v1", `bearer.${bridge.token}`];
  assert.equal(await openSocket(page, `/api/mcp/ws/x?${token.query}`, withToken), "refused", "even with the token");
  assert.equal(await openSocket(page, await connectToDemo()), "refused", "even with somebody else's ticket");

  const outcome = await page.evaluate(
    async ({ origin, token }) => {
      const ask = (path, options) =>
        fetch(origin + path, options).then(
          (response) => (response.type === "opaque" ? "unreadable" : "readable"),
          () => "refused",
        );
      const body = JSON.stringify({ server_params: { type: "named", server: "demo" } });
      const authorization = `Bearer ${token}`;
      const post = (headers, mode) => ask("/api/mcp/ws/connect", { method: "POST", headers, body, mode });
      return {
        servers: await ask("/api/mcp/servers"),
        serversWithToken: await ask("/api/mcp/servers", { headers: { authorization } }),
        health: await ask("/health/live"),
        connect: await post({ "content-type": "application/json", authorization }),
        simple: await post({ "content-type": "text/plain" }, "no-cors"),
      };
    },
    { origin: bridge.origin, token: bridge.token },
  );
  assert.deepEqual(outcome, {
    servers: "refused",
    serversWithToken: "refused",
    health: "refused",
    connect: "refused",
    // It is sent, and Cross-Origin-Resource-Policy keeps even the refusal from the page.
    simple: "refused",
  });
  await settle();
  assert.deepEqual(marks.map((mark) => mark.ran()), [false, false, false]);
  assert.equal(sessions(), before + 1, "the only session is the one that waited");
  await page.context().close();
});

test("the bridge's own page opens what the other page could not", async () => {
  const { page } = await openPage(browser);
  await page.goto(bridge.url);
  await page.getByTestId("server-card-demo").waitFor();
  const refused = marker("own-without-token");
  const path = `/api/mcp/ws/own?${refused.query}`;
  assert.equal(await openSocket(page, path, ["footbridge.v1"]), "refused", "not without the token");
  assert.equal(refused.ran(), false);
  const started = marker("own");
  const withToken = ["footbridge.v1", `bearer.${bridge.token}`];
  assert.equal(await openSocket(page, `/api/mcp/ws/own?${started.query}`, withToken), "open");
  for (const end = Date.now() + 20_000; !started.ran() && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(started.ran(), true, "so the mark does show what runs");
  await page.context().close();
});

test("a page of another origin cannot show the bridge in a frame", async () => {
  const { page } = await openPage(browser);
  await page.goto(other.origin);
  const seen = [];
  page.on("frameattached", (frame) => seen.push(frame));
  await page.evaluate(
    (origin) =>
      new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.onload = resolve;
        frame.src = origin;
        document.body.append(frame);
      }),
    bridge.url,
  );
  assert.equal(seen.length, 1);
  assert.match(seen[0].url(), /^chrome-error:/, "nothing of the page is in it");
  await page.context().close();
});
