// Sessions that outlive their sockets: the real page, the real bridge, a real MCP server, and a line that is cut.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openPage, startBridge, startBrowser } from "./bridge.mjs";
import { startLine } from "./cut.mjs";
import { startSite } from "./site.mjs";

const CUTS = 200;
const folder = mkdtempSync(join(tmpdir(), "footbridge-resume-"));
const package_ = new URL("../../client-wasm/", import.meta.url);
const html = '<!doctype html><link rel="icon" href="data:,"><title>resume</title>';

let site;
let line;
let bridge;
let port;
let browser;
let sequence = 0;

before(async () => {
  site = await startSite(html, package_);
  line = await startLine(() => port);
  browser = await startBrowser("--host-resolver-rules=MAP bridge.test 127.0.0.1", "--disable-background-timer-throttling");
  // The page reaches the bridge by the line alone.
  mkdirSync(join(folder, "run"), { mode: 0o700 });
  process.env.XDG_RUNTIME_DIR = join(folder, "run");
  bridge = await startBridge("--allow-origin", site.origin, "--public-url", `http://bridge.test:${line.port}`, "--runtime-file");
  // The file is named after the port that the bridge really listens on.
  [port] = readdirSync(join(folder, "run/footbridge")).map((name) => Number.parseInt(name, 10));
});

after(async () => {
  await browser?.close();
  assert.equal(await bridge?.stop(), 0, "the bridge ends in order");
  await line?.stop();
  await site?.stop();
  rmSync(folder, { recursive: true });
});

/** The record of an MCP server, and the params that start it. */
function recorder() {
  const file = join(folder, `record-${++sequence}.jsonl`);
  writeFileSync(file, "");
  const params = { type: "StdioServerParams", command: process.execPath, args: [fileURLToPath(new URL("recorder.mjs", import.meta.url)), file] };
  const entries = (name) => readFileSync(file, "utf8").split("\n").filter(Boolean).map((text) => JSON.parse(text)).filter((entry) => name in entry);
  return { params, entries, of: (name) => entries(name).map((entry) => entry[name]) };
}

/** A page with `window.connect`, and its options for a session with the recorder. */
async function opened(params, options = {}) {
  const { page } = await openPage(browser);
  // Runs as time does, and a test can let more of it pass.
  await page.clock.install();
  await page.goto(site.origin);
  await ready(page, params, options);
  return { page };
}

/** Makes `window.open_()` connect, and remember states. */
async function ready(page, params, options) {
  await page.evaluate(
    async ({ url, token, params, options }) => {
      const { connect } = await import("/npm/index.js");
      window.states = [];
      window.asks = [];
      window.open_ = async () => {
        window.session = await connect({
          url,
          token,
          params,
          ...options,
          onState: (state, { reason }) => window.states.push(reason ? `${state}: ${reason}` : state),
          handlers: {
            "elicitation/create": ({ message }) => {
              window.asks.push(message);
              return window.answer?.(message) ?? { action: "accept", content: {} };
            },
          },
        });
        return { id: window.session.id, resumed: window.session.resumed };
      };
    },
    { url: `http://bridge.test:${line.port}`, token: bridge.token, params, options },
  );
}

/** Until a page's state is the one that is waited for. */
const state = (page, wanted) => page.waitForFunction((wanted) => window.session?.state === wanted, wanted);

test("nothing is lost, repeated or reordered while a socket is cut two hundred times under load", { timeout: 600_000 }, async () => {
  const server = recorder();
  const { page } = await opened(server.params);
  await page.evaluate(() => window.open_());
  let random = 1;
  const dice = (sides) => (random = (random * 48271) % 2147483647) % sides;
  // Some do not live to see their upgrade answered, and some carry a good deal.
  line.budget = () => (line.cuts.length < CUTS ? (dice(6) === 0 ? 1 + dice(900) : 600 + dice(14_000)) : Infinity);
  line.way = () => (dice(3) === 0 ? "end" : "reset");
  line.cuts.length = 0;
  // The socket that is there was opened before.
  line.cutAll();
  await page.evaluate(() => {
    const { session } = window;
    window.stopped = false;
    window.log = { sent: [], calls: [], settled: [], told: [] };
    session.on("notification", ({ params }) => window.log.told.push(params.data.n));
    let n = 0;
    const loop = async () => {
      while (!window.stopped) {
        n += 1;
        const call = { n, from: Date.now() };
        window.log.calls.push(call);
        window.log.sent.push(n);
        const args = { n, wait: (n * 7) % 40, size: (n * 131) % 2000, padding: "p".repeat((n * 53) % 1500) };
        await session.request("tools/call", { name: "work", arguments: args }).then(
          ({ structuredContent }) => window.log.settled.push(structuredContent.n),
          (error) => window.log.settled.push({ n: call.n, code: error.code, message: error.message }),
        );
        call.to = Date.now();
        if (call.n % 4 === 0) {
          n += 1;
          window.log.sent.push(n);
          session.notify("notifications/noted", { n });
        }
      }
    };
    window.loops = Promise.all(Array.from({ length: 8 }, loop));
  });
  await page.waitForFunction(() => window.log.calls.length > 50);
  const end = Date.now() + 500_000;
  while (line.cuts.length < CUTS) {
    assert.ok(Date.now() < end, `only ${line.cuts.length} cuts; the page is ${await page.evaluate(() => `${window.session.state}, ${window.states.slice(-5)}`)}`);
    const before = line.cuts.length;
    await page.waitForFunction((calls) => window.log.settled.length > calls || window.session.state === "closed", await page.evaluate(() => window.log.settled.length), { timeout: 60_000 });
    assert.ok(line.cuts.length >= before);
  }
  // A call that was lost would be waited for in vain.
  await page.evaluate(() => {
    window.stopped = true;
    void window.loops.then(() => (window.areDone = true));
  });
  await page.waitForFunction(() => window.areDone, undefined, { timeout: 60_000 });
  const { log, totals, asks, states } = await page.evaluate(async () => {
    const totals = await window.session.request("totals");
    return { log: window.log, totals, asks: window.asks, states: window.states };
  });
  // What was told before the totals has arrived before them; answers of the page may still be on their way.
  const answers = () => server.of("answer");
  const soon = Date.now() + 20_000;
  while (answers().length < totals.asked && Date.now() < soon) await page.evaluate(() => window.session.request("ping"));

  assert.equal(server.of("started").length, 1, "one MCP server all the way");
  assert.equal(log.settled.length, log.calls.length, "each call has one answer");
  assert.deepEqual(log.settled, server.of("answered"), "answers come as the server gave them: each once, in order");
  assert.deepEqual(server.of("heard"), log.sent, "the server hears what the page sends: each once, in order");
  assert.deepEqual(log.told, Array.from({ length: totals.told }, (_, n) => n + 1), "the page hears what the server tells");
  assert.deepEqual(asks, Array.from({ length: totals.asked }, (_, n) => String(n + 1)), "and what it asks");
  assert.deepEqual([...answers()].sort(), Array.from({ length: totals.asked }, (_, n) => `q${n + 1}`).sort(), "each question has one answer");
  // A test that cut nothing, or nothing that mattered, proves nothing.
  assert.ok(line.cuts.length >= CUTS);
  const during = line.cuts.filter(({ time }) => log.calls.some(({ from, to }) => from < time && time <= to));
  assert.ok(during.length >= CUTS * 0.95, `${during.length} of ${line.cuts.length} cuts had calls in flight`);
  const detached = states.filter((state) => state.startsWith("detached")).length;
  assert.ok(detached >= CUTS / 2, `${detached} times detached`);
  assert.ok(totals.told > 100 && totals.asked > 10);
  console.log(`# ${line.cuts.length} cuts, ${during.length} with calls in flight, ${detached} times detached, ${log.calls.length} calls, ${totals.told} notifications, ${totals.asked} questions`);
  await page.evaluate(() => window.session.close());
  await page.context().close();
});

test("a socket that fell silent is found out when the page is seen again", async () => {
  const server = recorder();
  const { page } = await opened(server.params);
  await page.evaluate(() => window.open_());
  line.cutAll("silent");
  await page.evaluate(() => {
    window.call = window.session.request("tools/call", { name: "work", arguments: { n: 1, wait: 0, size: 10 } });
    window.dispatchEvent(new PageTransitionEvent("pageshow"));
  });
  assert.equal((await page.evaluate(() => window.call)).structuredContent.n, 1);
  assert.deepEqual(await page.evaluate(() => window.states), ["connecting", "starting", "ready", "detached: silent", "ready"]);
  assert.deepEqual(server.of("heard"), [1]);
  await page.context().close();
});

test("no socket is tried while the machine is offline, and one at once when it is online again", async () => {
  const server = recorder();
  const { page } = await opened(server.params);
  await page.evaluate(() => window.open_());
  line.isDown = true;
  await page.context().setOffline(true);
  await page.waitForFunction(() => !navigator.onLine);
  line.cutAll();
  await state(page, "detached");
  const { tries } = line;
  await page.evaluate(() => {
    window.calls = [1, 2, 3].map((n) => window.session.request("tools/call", { name: "work", arguments: { n, wait: 0, size: 10 } }));
  });
  await page.clock.runFor(60_000);
  assert.equal(line.tries, tries, "nothing is tried in vain");
  line.isDown = false;
  await page.context().setOffline(false);
  const results = await page.evaluate(() => Promise.all(window.calls));
  assert.deepEqual(results.map(({ structuredContent }) => structuredContent.n), [1, 2, 3]);
  assert.deepEqual(server.of("heard"), [1, 2, 3]);
  assert.equal((await page.evaluate(() => window.states)).at(-2), "detached: offline");
  await page.context().close();
});

test("a page that is loaded again takes its session up again, and a copy of its tab does not", async () => {
  const server = recorder();
  const options = { resume: { key: "recorder" } };
  const { page } = await opened(server.params, options);
  // A question that is open when the page goes is asked again on the next.
  await page.evaluate(() => (window.answer = () => new Promise(() => {})));
  const first = await page.evaluate(() => window.open_());
  assert.equal(first.resumed, false);
  await page.evaluate(() => window.session.request("ask"));
  await page.waitForFunction(() => window.asks.length === 1);
  const stored = await page.evaluate(() => JSON.stringify({ ...sessionStorage }));
  assert.match(stored, new RegExp(first.id));
  assert.ok(!stored.includes(bridge.token), "the bridge's token is not stored");
  assert.ok(!stored.includes("recorder.mjs"), "params are not stored");

  for (let reload = 1; reload <= 3; reload++) {
    await page.reload();
    await ready(page, server.params, options);
    assert.deepEqual(await page.evaluate(() => window.open_()), { id: first.id, resumed: true }, `reload ${reload}`);
    assert.equal(await page.evaluate(() => window.session.serverInfo.name), "recorder");
    // The first page after it answers; nobody is asked again.
    if (reload === 1) await page.waitForFunction(() => window.asks.length === 1);
    else assert.deepEqual(await page.evaluate(() => window.session.request("ping").then(() => window.asks)), []);
  }
  assert.deepEqual(server.of("answer"), ["q1"]);
  // A tab that a page opens begins with a copy of its storage.
  const [copy] = await Promise.all([page.waitForEvent("popup"), page.evaluate(() => void window.open(location.href))]);
  await copy.waitForLoadState();
  assert.match(await copy.evaluate(() => JSON.stringify({ ...sessionStorage })), new RegExp(first.id));
  await ready(copy, server.params, options);
  const second = await copy.evaluate(() => window.open_());
  assert.equal(second.resumed, false);
  assert.notEqual(second.id, first.id);
  assert.equal((await page.evaluate(() => window.session.request("totals"))).asked, 1, "the first page keeps its session");
  assert.equal(server.of("started").length, 2);

  await page.evaluate(() => window.session.close());
  assert.deepEqual(await page.evaluate(() => ({ ...sessionStorage })), {}, "nothing is left of a session that was closed");
  await page.reload();
  await ready(page, server.params, options);
  assert.equal((await page.evaluate(() => window.open_())).resumed, false);
  await page.context().close();
});

test("a call under way when its page is loaded again is not run again, and the session is free of it", async () => {
  const server = recorder();
  const options = { resume: { key: "calls" } };
  const { page } = await opened(server.params, options);
  const first = await page.evaluate(() => window.open_());
  await page.evaluate(() => void window.session.request("tools/call", { name: "work", arguments: { n: 7, wait: 100, size: 1 } }).catch(() => {}));
  while (server.of("heard").length === 0) await page.evaluate(() => window.session.request("ping"));
  await page.reload();
  await ready(page, server.params, options);
  assert.deepEqual(await page.evaluate(() => window.open_()), { id: first.id, resumed: true });
  const answer = await page.evaluate(() => window.session.request("tools/call", { name: "work", arguments: { n: 8, wait: 0, size: 1 } }));
  assert.equal(answer.structuredContent.n, 8);
  assert.deepEqual(server.of("heard"), [7, 8]);
  await page.context().close();
});

test("a session that is gone when its page is loaded again is replaced by a new one", async () => {
  const server = recorder();
  const options = { resume: { key: "gone" } };
  const { page } = await opened(server.params, options);
  const first = await page.evaluate(() => window.open_());
  const ended = await fetch(`http://127.0.0.1:${port}/api/mcp/ws/${first.id}`, { method: "DELETE", headers: { authorization: `Bearer ${bridge.token}` } });
  assert.equal(ended.status, 200);
  await state(page, "closed");
  // As if the page had gone before it heard.
  await page.evaluate((url) => sessionStorage.setItem("footbridge:gone", JSON.stringify({ url, token: "old" })), `ws://bridge.test:${line.port}/api/mcp/ws/${first.id}`);
  await page.reload();
  await ready(page, server.params, options);
  const second = await page.evaluate(() => window.open_());
  assert.equal(second.resumed, false);
  assert.notEqual(second.id, first.id);
  await page.context().close();
});

test("the playground says that it has lost its socket, and that it is back", async () => {
  const { page, problems } = await openPage(browser);
  await page.goto(bridge.url);
  await page.getByTestId("connect-demo").click();
  const shows = (state) => page.locator(`[data-testid="state"][data-state="${state}"]`).waitFor();
  await shows("ready");
  line.isDown = true;
  line.cutAll();
  await shows("detached");
  assert.equal(await page.getByTestId("state").innerText(), "Reconnecting");
  line.isDown = false;
  await shows("ready");
  // What this test is made of: sockets that nobody answers, and a name that is not this machine's and has no TLS.
  const expected = /WebSocket connection|a request to bridge\.test|Cross-Origin-Opener-Policy/;
  assert.deepEqual(problems.filter((problem) => !expected.test(problem)), []);
  await page.context().close();
});
