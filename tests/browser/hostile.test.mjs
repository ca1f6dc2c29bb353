import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { screenshots } from "./bridge.mjs";
import { addresses, RTL } from "./hostile.mjs";
import { assertNothingHappened, ready, startAttack } from "./watched.mjs";

let attack;

before(async () => {
  attack = await startAttack();
});

after(() => attack?.stop());

async function connected(options) {
  const watch = await attack.watched(options);
  await watch.page.goto(attack.bridge.url);
  await watch.page.getByTestId("connect-hostile").click();
  await ready(watch.page);
  return watch;
}

async function callTool(page, name) {
  await page.getByTestId(`tool-${name}`).click();
  await page.getByTestId("call-tool").click();
}

test("the listener counts a knock, so that its silence means something", async () => {
  const context = await attack.browser.newContext();
  const page = await context.newPage();
  const before = attack.elsewhere.knocks;
  await page.goto("http://evil.example/").catch(() => {});
  assert.ok(attack.elsewhere.knocks > before);
  await context.close();
});

test("hostile texts of every kind are shown as the texts they are", async () => {
  const watch = await connected();
  const { page } = watch;
  await page.getByTestId("tool-list").getByText("onerror=").first().waitFor();
  await callTool(page, "texts");
  const result = page.getByTestId("tool-result");
  await result.getByText("<script>window.__pwned", { exact: false }).first().waitFor();
  assert.match(await result.innerText(), /pay U\+202E001 euro/);
  assert.ok(!(await page.locator("body").innerText()).includes(RTL), "nothing turns the words around it");
  await page.screenshot({ path: `${screenshots}hostile-result-light.png` });
  await result.scrollIntoViewIfNeeded();
  await assertNothingHappened(watch);

  await callTool(page, "pictures");
  await page.locator("img.fb-image").first().waitFor();
  assert.ok((await page.locator("img").count()) >= 2, "an SVG is a picture");
  await assertNothingHappened(watch);

  await callTool(page, "odd");
  await page.getByTestId("tool-result").waitFor();
  await page.getByTestId("tab-notifications").click();
  await page.getByTestId("notification-row").nth(3).waitFor();
  assert.equal(await page.getByTestId("unshowable").count(), 0, "values of the wrong types break no part of the page");
  await page.getByTestId("tab-stderr").click();
  await page.getByTestId("stderr").getByText("on stderr").waitFor();

  await page.getByTestId(/^tool-schema/).click();
  await page.getByTestId("call-tool").click();
  await page.getByTestId("tab-resources").click();
  for (const uri of ["page://evil", "javascript:window.__pwned=1"]) {
    await page.getByTestId(`resource-${uri}`).click();
    await page.getByTestId("resource-result").getByText("<base href=").first().waitFor();
  }
  await page.screenshot({ path: `${screenshots}hostile-resource-light.png` });
  await page.getByTestId(/^template-/).click();
  await page.getByTestId("tab-prompts").click();
  await page.getByTestId("prompt-prompt").click();
  for (const field of await page.locator("textarea[required]").all()) await field.fill("x");
  await page.getByTestId("get-prompt").click();
  await page.getByTestId("prompt-result").getByText("javascript:window.__pwned=1").waitFor();
  await page.getByTestId("tab-server").click();
  await page.getByText("Website").waitFor();
  await page.screenshot({ path: `${screenshots}hostile-server-light.png` });
  await assertNothingHappened(watch);
  await page.context().close();
});

test("of a server's addresses only plain http and https ones are links, and none opens by itself", async () => {
  const watch = await connected();
  const { page } = watch;
  await callTool(page, "links");
  const result = page.getByTestId("tool-result");
  await result.waitFor();
  assert.equal(await result.getByText("resource link", { exact: true }).count(), addresses.length);
  assert.equal(await result.locator("a").count(), 0, "not one of them is a link");
  assert.match(await result.innerText(), /https:\/\/google\.com@evil\.example\//);
  await assertNothingHappened(watch);

  await page.getByTestId("tool-visit").click();
  const visit = async (url) => {
    await page.getByLabel("url", { exact: false }).first().fill(url);
    await page.getByTestId("call-tool").click();
    await page.getByTestId("ask-address").waitFor();
    const told = { text: await page.getByTestId("ask-address").innerText(), links: await page.getByTestId("ask-address").locator("a").all() };
    const links = await Promise.all(told.links.map((link) => link.evaluate(({ href, rel, target }) => ({ href, rel, target }))));
    return { text: told.text, links };
  };
  const decline = async () => {
    await page.getByTestId("ask-decline").click();
    await page.getByTestId("ask").waitFor({ state: "detached" });
  };
  const lookalike = await visit("https://\u0430pple.com/login?next=https://apple.com/");
  assert.match(lookalike.text, /visit xn--pple-43d\.com/);
  assert.match(lookalike.text, /its plain name is xn--pple-43d\.com/);
  assert.match(lookalike.text, /\u0430pple\.com/, "and how it was written");
  assert.deepEqual(lookalike.links, [{ href: "https://xn--pple-43d.com/login?next=https://apple.com/", rel: "noopener noreferrer", target: "_blank" }]);
  await page.screenshot({ path: `${screenshots}ask-lookalike-light.png` });
  await decline();
  const user = await visit("https://google.com@evil.example/login");
  assert.match(user.text, /visit evil\.example/);
  assert.match(user.text, /user name; the host is evil\.example/);
  assert.deepEqual(user.links, []);
  await page.screenshot({ path: `${screenshots}ask-user-name-light.png` });
  await decline();
  const turned = await visit(`https://example.com/${RTL}gpj.exe`);
  assert.match(turned.text, /U\+202E/);
  assert.deepEqual(turned.links, []);
  await decline();
  for (const address of ["javascript:window.__pwned=1", "file:///etc/passwd", "data:text/html,<script>window.__pwned=1</script>"]) {
    const other = await visit(address);
    assert.match(other.text, /no web address/, address);
    assert.deepEqual(other.links, [], address);
    await page.getByTestId("ask-accept").click();
    await page.getByTestId("ask").waitFor({ state: "detached" });
  }
  await assertNothingHappened(watch);
  await page.context().close();
});

test("a form that asks for secrets is marked, and says who asks", async () => {
  const watch = await connected();
  const { page } = watch;
  await callTool(page, "phish");
  const ask = page.getByTestId("ask");
  await ask.waitFor();
  assert.match(await page.getByTestId("ask-secrets").innerText(), /Password, apiKey, Credit card number/);
  assert.match(await page.getByTestId("ask-server").innerText(), /GitHubU\+202E/, "what it calls itself");
  assert.match(await page.getByTestId("ask-target").innerText(), /hostile \(from the bridge's catalogue\)/, "and what it is");
  await page.screenshot({ path: `${screenshots}ask-secrets-light.png` });
  await page.getByTestId("ask-decline").click();
  await page.getByTestId("tool-result").getByText("decline").first().waitFor();

  await callTool(page, "sample");
  await page.getByTestId("ask-answer").waitFor();
  await assertNothingHappened(watch);
  await page.getByTestId("ask-decline").click();

  // A question that no form can be made of can still be declined.
  await callTool(page, "broken_ask");
  await page.getByTestId("ask-decline").click();
  await page.getByTestId("tool-result").getByText("decline").first().waitFor();
  await assertNothingHappened(watch);
  await page.context().close();
});

test("a tool that changes during the session is marked until the person has read it", async () => {
  const watch = await connected({ colorScheme: "dark" });
  const { page } = watch;
  await callTool(page, "rug");
  await page.getByTestId("tool-result").waitFor();
  assert.equal(await page.getByTestId("tool-changed").count(), 0, "the list as it was first read");
  await page.getByRole("button", { name: "Refresh tools" }).click();
  await page.getByTestId("tool-changed").waitFor();
  assert.equal(await page.getByTestId("tool-changed").count(), 1, "only the tool that changed");
  await page.getByText("What it was").click();
  await page.getByTestId("tool-change").getByText("Adds two numbers.").waitFor();
  await page.screenshot({ path: `${screenshots}tool-changed-dark.png` });
  await page.getByTestId("accept-tool").click();
  await page.getByTestId("tool-changed").waitFor({ state: "detached" });
  await assertNothingHappened(watch);
  await page.context().close();
});

