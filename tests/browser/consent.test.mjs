import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { screenshots } from "./bridge.mjs";
import { assertNothingHappened, program, ready, startAttack, stateOf } from "./watched.mjs";

let attack;

before(async () => {
  attack = await startAttack();
});

after(() => attack?.stop());

test("a written-out command runs only after a yes to exactly that command", async () => {
  const watch = await attack.watched();
  const { page, seen } = watch;
  await page.goto(attack.bridge.url);
  await page.getByTestId("own-command").fill(`${process.execPath} ${program} 'two words' 'a\u202eb' p\u0443thon ''`);
  await page.getByLabel("Working directory").fill(attack.folder);
  await page.getByRole("button", { name: "Add variable" }).click();
  await page.getByLabel("variable 1 name").fill("API_KEY");
  await page.getByLabel("variable 1 value").fill("very-secret-value");
  await page.getByTestId("connect-own").click();
  const consent = page.getByTestId("consent");
  await consent.waitFor();
  const words = await consent.getByTestId("consent-argv").locator("li").allInnerTexts();
  assert.deepEqual(words, [process.execPath, program, "two words", "aU+202Eb", "p\u0443thon", "''"], "each word by itself");
  const text = await consent.innerText();
  assert.ok(text.includes(attack.folder) && text.includes("API_KEY"));
  assert.ok(!text.includes("very-secret-value"));
  assert.match(await page.getByTestId("consent-notes").innerText(), /cannot be seen[\s\S]*p\[U\+0443\]thon/);

  // The keyboard stays inside, and no answer has the focus at first.
  assert.equal(await page.evaluate(() => document.activeElement.id), "consent-title");
  await page.locator('[data-testid="consent-accept"]:enabled').waitFor();
  await page.screenshot({ path: `${screenshots}consent-light.png` });
  await page.keyboard.press("Enter");
  await page.keyboard.press("Space");
  const focused = [];
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Tab");
    focused.push(await page.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.localName));
  }
  assert.ok(focused.includes("consent-accept") && focused.includes("consent-refuse"));
  assert.deepEqual(focused.filter((name) => !["consent-accept", "consent-refuse", "body", "dialog"].includes(name)), [], "nothing behind it is reached");
  await page.keyboard.press("Escape");
  await consent.waitFor({ state: "detached" });
  assert.equal(await stateOf(page), "idle");
  assert.deepEqual(seen.requests.filter(({ method }) => method !== "GET"), [], "Escape is a no");

  await page.getByTestId("connect-own").click();
  await page.getByTestId("consent-refuse").click();
  await consent.waitFor({ state: "detached" });
  assert.deepEqual(seen.requests.filter(({ method }) => method !== "GET"), [], "and so is the other button");

  await page.getByTestId("connect-own").click();
  await page.getByTestId("consent-accept").click();
  await ready(page);
  assert.equal(seen.sockets.length, 1, "a yes starts it, once");
  await page.getByTestId("disconnect").click();
  await page.getByTestId("reconnect").click();
  await ready(page);
  assert.equal(await consent.count(), 0, "it is not asked for again");
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify({ ...localStorage })), /node|hostile|very-secret-value|API_KEY/, "and only a hash is kept");
  await assertNothingHappened(watch);
  await page.context().close();
});

test("the yes is remembered across visits, for not one character more", async () => {
  const watch = await attack.watched();
  const { page } = watch;
  const consent = page.getByTestId("consent");
  const connect = async (line) => {
    await page.goto(attack.bridge.url);
    await page.reload();
    await page.getByTestId("own-command").fill(line);
    await page.getByTestId("connect-own").click();
  };
  const line = `${process.execPath} ${program} once`;
  await connect(line);
  await page.getByTestId("consent-accept").click();
  await ready(page);
  await connect(line);
  await ready(page);
  assert.equal(await consent.count(), 0);
  for (const other of [`${line}x`, `${line} ''`, `${process.execPath} '${program} once'`]) {
    await connect(other);
    await consent.waitFor();
    assert.equal(await stateOf(page), "idle", other);
  }
  // What is pasted from elsewhere is asked for too, whatever it is called.
  await page.goto(attack.bridge.url);
  await page.reload();
  await page.getByText("JSON", { exact: true }).click();
  await page.getByTestId("own-json").fill(JSON.stringify({ mcpServers: { hostile: { command: process.execPath, args: [program, "pasted"], env: { NODE_OPTIONS: "--no-warnings" } } } }));
  await page.getByTestId("connect-own").click();
  await consent.waitFor();
  assert.match(await consent.innerText(), /asked each time[\s\S]*NODE_OPTIONS/);
  await page.screenshot({ path: `${screenshots}consent-pasted-light.png` });
  await page.getByTestId("consent-refuse").click();
  await page.getByText("HTTP", { exact: true }).click();
  await page.getByTestId("own-url").fill("https://google.com@evil.example/mcp");
  await page.getByTestId("connect-own").click();
  await consent.waitFor();
  assert.match(await consent.innerText(), /user name; the host is evil\.example/);
  await page.screenshot({ path: `${screenshots}consent-address-light.png` });
  await page.keyboard.press("Escape");
  await assertNothingHappened(watch);
  await page.context().close();
});

test("a click that was on its way before the question stood there is no answer", async () => {
  const watch = await attack.watched();
  const { page, seen } = watch;
  // The page's clock stands still, so that "just now" lasts as long as the test needs.
  await page.clock.install();
  await page.goto(attack.bridge.url);
  await page.getByTestId("own-command").fill(`${process.execPath} ${program} clicked`);
  await page.clock.pauseAt(new Date(Date.now() + 3_600_000));
  await page.getByTestId("connect-own").click();
  const accept = page.getByTestId("consent-accept");
  await accept.waitFor();
  const box = await accept.boundingBox();
  await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
  assert.equal(await accept.isDisabled(), true);
  assert.deepEqual(seen.requests.filter(({ method }) => method !== "GET"), []);
  await page.clock.runFor(1_000);
  assert.equal(await accept.isDisabled(), false);
  // The window was covered and comes back: whoever clicks now may have meant what lay above it.
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await page.waitForFunction(() => document.querySelector('[data-testid="consent-accept"]').disabled);
  await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
  assert.deepEqual(seen.requests.filter(({ method }) => method !== "GET"), []);
  assert.equal(await page.getByTestId("consent").count(), 1);
  await page.clock.resume();
  await accept.click();
  await ready(page);
  await page.context().close();
});
