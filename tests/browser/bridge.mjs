// Starts the real bridge and a real browser for a test, and stops them.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export { startBridge } from "../js/real.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
export const screenshots = `${root}tests/screenshots/`;

/** A headless browser that talks to nobody but the test. */
export function startBrowser(...flags) {
  mkdirSync(screenshots, { recursive: true });
  return chromium.launch({
    executablePath: process.env.FOOTBRIDGE_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", ...flags,
    ],
  });
}

/** A page that remembers everything a person would call broken. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const problems = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") problems.push(`a request to ${hostname}`);
  });
  return { page, problems };
}
