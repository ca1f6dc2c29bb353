import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, screenshots, startBridge, startBrowser } from "./bridge.mjs";

let bridge;
let browser;

before(async () => {
  [bridge, browser] = await Promise.all([startBridge(), startBrowser()]);
});

after(async () => {
  await browser?.close();
  assert.equal(await bridge?.stop(), 0, "the bridge ends in order");
});

async function connected(options) {
  const { page, problems } = await openPage(browser, options);
  await page.goto(bridge.url);
  await page.getByTestId("connect-demo").click();
  await page.locator('[data-testid="state"][data-state="ready"]').waitFor();
  return { page, problems };
}

const looks = { reducedMotion: "reduce" };

test("the token leaves the address bar and stays in the session", async () => {
  const { page, problems } = await openPage(browser, looks);
  await page.goto(bridge.url);
  await page.getByTestId("server-card-demo").waitFor();
  assert.equal(new URL(page.url()).hash, "");
  const kept = await page.evaluate(() => JSON.stringify({ ...sessionStorage }));
  assert.ok(kept.includes(bridge.token));
  await page.screenshot({ path: `${screenshots}connect-light.png` });
  await page.reload();
  await page.getByTestId("server-card-demo").waitFor();
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("a person calls a tool of the demo server and reads the result", async () => {
  const { page, problems } = await connected({ ...looks, colorScheme: "dark" });
  await page.getByTestId("tab-tools").click();
  await page.getByTestId("tool-add").click();
  await page.getByLabel(/^a\b/i).first().fill("2");
  await page.getByLabel(/^b\b/i).first().fill("40");
  await page.getByTestId("call-tool").click();
  const result = page.getByTestId("tool-result");
  await result.waitFor();
  assert.match(await result.innerText(), /42/);
  await page.screenshot({ path: `${screenshots}tool-dark.png` });
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("progress is shown while a tool runs, and the call can be cancelled", async () => {
  const { page, problems } = await connected(looks);
  await page.getByTestId("tool-long_task").click();
  await page.getByLabel(/steps/i).first().fill("50");
  await page.getByTestId("call-tool").click();
  await page.getByText(/Step \d+ of 50/).first().waitFor();
  await page.getByTestId("call-progress").waitFor();
  await page.screenshot({ path: `${screenshots}progress-light.png` });
  await page.getByTestId("cancel-call").click();
  await page.getByText(/cancelled|aborted/i).first().waitFor();
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("what the server asks is answered in the page", async () => {
  const { page, problems } = await connected(looks);
  await page.getByTestId("tool-ask_elicitation").click();
  await page.getByTestId("call-tool").click();
  const ask = page.getByTestId("ask");
  await ask.waitFor();
  assert.match(await ask.innerText(), /demo/i, "the server that asks is named");
  await page.screenshot({ path: `${screenshots}ask-light.png` });
  await ask.getByLabel(/name/i).first().fill("Ada Lovelace");
  await page.getByTestId("ask-accept").click();
  await page.getByTestId("tool-result").getByText(/Ada Lovelace/).first().waitFor();
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("every frame, notification and line of standard error is to be seen", async () => {
  const { page, problems } = await connected({ ...looks, colorScheme: "dark" });
  await page.getByTestId("tool-add_note").click();
  await page.getByLabel(/name/i).first().fill("shopping");
  await page.getByLabel(/text/i).first().fill("milk");
  await page.getByTestId("call-tool").click();
  await page.getByTestId("tool-result").waitFor();
  await page.getByTestId("tab-traffic").click();
  await page.getByTestId("traffic-row").first().waitFor();
  assert.ok((await page.getByTestId("traffic-row").count()) >= 4);
  await page.screenshot({ path: `${screenshots}traffic-dark.png` });
  await page.getByTestId("tab-notifications").click();
  await page.getByTestId("notification-row").first().waitFor();
  await page.getByTestId("tab-stderr").click();
  await page.getByTestId("stderr").getByText(/demo server ready/).waitFor();
  await page.getByTestId("tab-resources").click();
  await page.getByTestId("resource-demo://readme").click();
  await page.screenshot({ path: `${screenshots}resources-dark.png` });
  await page.getByTestId("tab-prompts").click();
  await page.getByTestId("prompt-greet").click();
  await page.screenshot({ path: `${screenshots}prompts-dark.png` });
  await page.getByTestId("disconnect").click();
  await page.locator('[data-testid="state"][data-state="closed"]').waitFor();
  assert.deepEqual(problems, []);
  await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const [width, height] of [[1280, 800], [390, 844]]) {
    test(`the page is whole at ${width} by ${height}, ${colorScheme}`, async () => {
      const { page, problems } = await openPage(browser, { ...looks, colorScheme, viewport: { width, height } });
      const show = async (name) => {
        await page.screenshot({ path: `${screenshots}${name}-${width}x${height}-${colorScheme}.png` });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(overflow <= 0, `${name} is ${overflow} px too wide`);
      };
      await page.goto(bridge.url);
      await page.getByTestId("server-card-demo").waitFor();
      await show("connect");
      await page.getByTestId("connect-demo").click();
      await page.getByTestId("tool-add").waitFor();
      await show("tools");
      await page.getByTestId("tool-complex_form").click();
      await page.getByTestId("call-tool").waitFor();
      await show("form");
      assert.deepEqual(problems, []);
      await page.context().close();
    });
  }
}

test("what the server asks can be declined", async () => {
  const { page, problems } = await connected(looks);
  await page.getByTestId("tool-ask_elicitation").click();
  await page.getByTestId("call-tool").click();
  await page.getByTestId("ask-decline").click();
  await page.getByTestId("tool-result").getByText(/decline/).first().waitFor();
  assert.equal(await page.getByTestId("ask").count(), 0);
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("a tool's own failure is a result, and a protocol's an error", async () => {
  const { page, problems } = await connected(looks);
  await page.getByTestId("tool-fail").click();
  await page.getByTestId("call-tool").click();
  await page.locator('[data-testid="tool-result"][data-error="true"]').waitFor();
  assert.match(await page.getByTestId("tool-result").innerText(), /This tool failed, as you asked it to/);
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("the page may run nothing but what it was served with", async () => {
  const { page } = await openPage(browser, looks);
  const response = await page.goto(bridge.url);
  const policy = response.headers()["content-security-policy"];
  assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'(;|$)/);
  assert.doesNotMatch(policy, /'unsafe-(inline|eval)'/);
  assert.match(policy, /require-trusted-types-for 'script'; trusted-types 'none'/);
  await page.getByTestId("server-card-demo").waitFor();
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    try {
      script.textContent = "window.ran = true";
      document.body.append(script);
    } catch {
      return "forbidden";
    }
    return window.ran ?? "blocked";
  });
  assert.match(ran, /forbidden|blocked/);
  await page.context().close();
});

test("a server that does not start says why", async () => {
  const { page } = await openPage(browser, looks);
  await page.goto(bridge.url);
  await page.getByTestId("own-command").fill("sh -c 'echo no key in the environment >&2; exit 3'");
  await page.getByTestId("connect-own").click();
  await page.getByTestId("consent-accept").click();
  const banner = page.getByTestId("error-banner");
  await banner.waitFor();
  assert.match(await banner.innerText(), /exited with code 3[\s\S]*no key in the environment/);
  await page.screenshot({ path: `${screenshots}error-light.png` });
  await page.context().close();
});

test("a wrong token is asked for again, with where to find it", async () => {
  const { page } = await openPage(browser, looks);
  await page.goto(`${bridge.origin}/#token=wrong-wrong-wrong-wrong`);
  await page.getByTestId("token-prompt").waitFor();
  await page.screenshot({ path: `${screenshots}token-light.png` });
  await page.getByTestId("token-input").fill(bridge.token);
  await page.getByTestId("token-submit").click();
  await page.getByTestId("server-card-demo").waitFor();
  await page.context().close();
});
