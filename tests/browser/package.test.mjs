import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, startBridge, startBrowser } from "./bridge.mjs";
import { startSite } from "./site.mjs";

test("a plain page of an allowed origin uses the npm package without a bundler", async () => {
  const folder = new URL("../../client-wasm/", import.meta.url);
  const site = await startSite('<!doctype html><link rel="icon" href="data:,"><title>plain</title>', folder);
  const [bridge, browser] = await Promise.all([startBridge("--allow-origin", site.origin), startBrowser()]);
  try {
    const { page, problems } = await openPage(browser);
    await page.goto(site.origin);
    await page.addScriptTag({
      type: "module",
      content: `
        import { connect } from "/npm/index.js";
        window.outcome = (async () => {
          const session = await connect({
            url: ${JSON.stringify(bridge.origin)},
            token: ${JSON.stringify(bridge.token)},
            server: "demo",
            handlers: { "elicitation/create": () => ({ action: "accept", content: { name: "Ada", colour: "red" } }) },
          });
          const call = (name, args, options) => session.request("tools/call", { name, arguments: args }, options);
          const steps = [];
          await call("long_task", { steps: 3, delay_ms: 5 }, { onProgress: ({ progress }) => steps.push(progress) });
          const sum = await call("add", { a: 2, b: 40 });
          const asked = await call("ask_elicitation", {});
          const refused = await call("fail", { mode: "protocol" }).catch((error) => error.rpcCode ?? error.code);
          session.close();
          return { steps, sum: sum.structuredContent.sum, asked: asked.structuredContent, refused };
        })().catch((error) => ({ error: String(error), code: error.code }));`,
    });
    await page.waitForFunction(() => window.outcome !== undefined);
    assert.deepEqual(await page.evaluate(() => window.outcome), {
      steps: [1, 2, 3],
      sum: 42,
      asked: { action: "accept", content: { name: "Ada", colour: "red" } },
      refused: -32050,
    });
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
    assert.equal(await bridge.stop(), 0, "the bridge ends in order");
    await site.stop();
  }
});
