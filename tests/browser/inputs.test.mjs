import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openPage, screenshots, startBridge, startBrowser } from "./bridge.mjs";

const folder = mkdtempSync(join(tmpdir(), "footbridge-inputs-"));
const file = join(folder, "told.json");
const SECRET = "very-secret-key";
const ROOT = "/srv/photos";

let bridge;
let browser;

before(async () => {
  const servers = join(folder, "servers.json");
  const program = fileURLToPath(new URL("told.mjs", import.meta.url));
  writeFileSync(servers, JSON.stringify({
    inputs: [{ type: "promptString", id: "api-key", description: "From your account page.", password: true }],
    mcpServers: {
      notes: {
        title: "Notes",
        description: "Keeps notes below one folder.",
        command: process.execPath,
        args: [program, file, "--root", "${input:root}", "${input:mode}", "${input:region}", "${input:label}"],
        env: { KEY: "Bearer ${input:api-key}" },
        inputs: [
          { name: "root", title: "Folder", description: "One below /srv.", pattern: "/srv/[a-z]+" },
          { name: "mode", title: "Mode", options: ["read", "write"], default: "read" },
          { name: "region", title: "Region", options: ["north", "south"] },
          { name: "label", title: "Label", required: false },
        ],
      },
    },
  }));
  [bridge, browser] = await Promise.all([startBridge("--servers", servers), startBrowser()]);
});

after(async () => {
  await browser?.close();
  assert.equal(await bridge?.stop(), 0, "the bridge ends in order");
  rmSync(folder, { recursive: true });
});

async function opened(options) {
  const { page, problems } = await openPage(browser, { reducedMotion: "reduce", ...options });
  const addresses = [];
  const asked = [];
  page.on("request", (request) => {
    addresses.push(request.url());
    if (request.method() !== "GET") asked.push(request.url());
  });
  page.on("websocket", (socket) => addresses.push(socket.url()));
  await page.goto(bridge.url);
  await page.getByTestId("connect-notes").waitFor();
  return { page, problems, addresses, asked };
}

const focused = (page) => page.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.localName);
const told = () => JSON.parse(readFileSync(file, "utf8"));
const ready = (page) => page.locator('[data-testid="state"][data-state="ready"]').waitFor();
const input = (page, name) => page.getByTestId(`server-input-${name}`);

test("a server that asks for values is connected to with them, by the keyboard alone", async () => {
  const { page, problems, addresses, asked } = await opened();
  await page.getByTestId("connect-notes").focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("server-inputs").waitFor();
  assert.equal(await focused(page), "server-input-root");
  assert.equal(await input(page, "api-key").getAttribute("type"), "password");
  assert.equal(await input(page, "mode").inputValue(), "read", "the default");
  assert.deepEqual(await input(page, "mode").locator("option").allInnerTexts(), ["read", "write"]);
  assert.deepEqual(await input(page, "region").locator("option").allInnerTexts(), ["Choose…", "north", "south"]);
  assert.equal(await page.getByLabel("Folder").getAttribute("aria-invalid"), null, "nothing is wrong yet");

  await page.keyboard.press("Enter");
  const form = page.getByTestId("server-inputs");
  assert.equal(await form.getByText("This is needed.").count(), 3, "the folder, the region and the key");
  assert.equal(await focused(page), "server-input-root");
  await page.keyboard.type("/etc");
  await form.getByText("This must match /srv/[a-z]+").waitFor();
  assert.equal(await input(page, "root").getAttribute("aria-invalid"), "true");
  await page.screenshot({ path: `${screenshots}inputs-light.png`, fullPage: true });
  await page.keyboard.press("Enter");
  assert.deepEqual(asked, [], "what is wrong is not sent");

  await page.keyboard.press("Escape");
  await form.waitFor({ state: "detached" });
  assert.equal(await focused(page), "connect-notes", "Escape gives the place back");
  assert.deepEqual(asked, []);
  await page.keyboard.press("Enter");
  await page.keyboard.type(ROOT);
  const order = [await focused(page)];
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Tab");
    order.push(await focused(page));
    if (order.at(-1) === "server-input-region") await page.keyboard.press("s");
    if (order.at(-1) === "server-input-api-key") await page.keyboard.type(SECRET);
  }
  assert.deepEqual(order, ["root", "mode", "region", "label", "api-key"].map((name) => `server-input-${name}`).concat("server-inputs-cancel", "server-inputs-submit"));
  await page.keyboard.press("Enter");
  await ready(page);
  assert.deepEqual(told(), { args: ["--root", ROOT, "read", "south"], key: `Bearer ${SECRET}` }, "and the empty label is no argument");

  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, document.cookie, location.href]));
  const visible = addresses.map((address) => {
    const params = new URL(address).searchParams.get("server_params");
    return `${decodeURIComponent(address)} ${params === null ? "" : atob(params)}`;
  });
  assert.ok(visible.some((address) => address.includes('"notes"')), "the socket's address was looked at");
  for (const value of [SECRET, ROOT]) {
    assert.ok(!kept.includes(value), "nothing is kept");
    assert.ok(!visible.some((address) => address.includes(value)), "nothing is in an address");
  }
  assert.ok(!(await page.content()).includes(SECRET), "and the session does not show it");

  // The tab still knows what it gave; a visit later it does not.
  rmSync(file);
  await page.getByTestId("disconnect").click();
  await page.getByTestId("reconnect").click();
  await ready(page);
  assert.equal(told().key, `Bearer ${SECRET}`);
  await page.reload();
  await page.getByTestId("connect-notes").click();
  for (const name of ["root", "api-key"]) assert.equal(await input(page, name).inputValue(), "");
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("what only the bridge can judge is told, and the form is as it was", async () => {
  const { page } = await opened({ colorScheme: "dark" });
  await page.getByTestId("connect-notes").click();
  await input(page, "root").fill(ROOT);
  await input(page, "region").selectOption("north");
  await input(page, "label").fill("--label-as-option");
  await input(page, "api-key").fill(SECRET);
  await page.getByTestId("server-inputs-submit").click();
  const banner = page.getByTestId("error-banner");
  await banner.waitFor();
  assert.match(await banner.innerText(), /inputs\.label must not begin with a hyphen/);
  await page.getByTestId("server-inputs").getByText("This must not begin with a hyphen").waitFor();
  assert.doesNotMatch(await banner.innerText(), /label-as-option|very-secret/);
  await page.screenshot({ path: `${screenshots}inputs-dark.png`, fullPage: true });
  assert.equal(await input(page, "root").inputValue(), ROOT);
  assert.equal(await input(page, "api-key").inputValue(), SECRET);
  await input(page, "label").fill("a label; $(touch x)");
  assert.equal(await input(page, "label").getAttribute("aria-invalid"), null, "the new one has not been judged");
  await page.getByTestId("server-inputs-submit").click();
  await ready(page);
  assert.deepEqual(told().args, ["--root", ROOT, "read", "north", "a label; $(touch x)"]);
  await page.context().close();
});
