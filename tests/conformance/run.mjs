// The official conformance suite, both ways through one bridge:
//   as a client: driver.mjs reaches the suite's servers through the bridge;
//   as a server: the suite reaches our conformance server through shim.mjs and the bridge, in both eras;
//   as a face:   the same suite of 2025-11-25, in front of a server that knows only 2026-07-28.
// FOOTBRIDGE and CONFORMANCE_SERVER name the two programs. Ends with 1 when anything required does not pass.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { shim } from "./shim.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const suite = here("node_modules/@modelcontextprotocol/conformance/dist/index.js");
const run = promisify(execFile);
const TOKEN = "the-token-of-the-conformance-run";
const REVISIONS = ["2025-11-25", "2026-07-28"];

/** Checks of the suite that would test the shim and not what is behind it, and why. */
const OF_THE_SHIM = new Map([
  ["localhost-host-rebinding-rejected", "the shim does not look at Host and Origin; the bridge's own gate is tested in tests/it/security.rs"],
  ["sep-2575-http-server-header-mismatch-400", "the shim does not compare a request's headers with its body; the bridge writes them itself"],
]);

const children = [];

/** Starts a program and waits for the line that names its URL. */
async function start(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  let said = "";
  for await (const chunk of child.stdout) {
    said += chunk;
    const url = /http:\/\/[^\s#]+/.exec(said)?.[0];
    if (url && said.includes("\n")) {
      child.stdout.resume();
      return url;
    }
  }
  throw new Error(`${program} ended before it said where it listens`);
}

/** The scenarios that a revision requires, of one half of the suite. */
async function required(revision, half) {
  const { stdout } = await run(process.execPath, [suite, "list", "--requirements", revision]);
  const section = stdout.split(`${half} scenarios`)[1].split("\n\n")[0];
  return [...section.matchAll(/^ {2}- (\S+)$/gm)].map(([, name]) => name);
}

/** Every check of every scenario in an output folder of the suite. */
async function checks(folder) {
  const found = [];
  for (const scenario of await readdir(folder)) {
    const text = await readFile(join(folder, scenario, "checks.json"), "utf8");
    for (const check of JSON.parse(text)) found.push({ scenario, ...check });
  }
  return found;
}

const isBad = ({ status }) => status === "FAILURE" || status === "WARNING";
const problems = [];

function report(title, found, n_scenarios) {
  const counted = found.filter(({ status }) => status !== "INFO" && status !== "SKIPPED");
  const bad = counted.filter(isBad).filter(({ id }) => !OF_THE_SHIM.has(id));
  const schema = counted.filter(({ id }) => id === "wire-schema-valid");
  console.log(`${title}: ${n_scenarios} scenarios, ${counted.length} checks, ${bad.length} failed (${schema.length} of them on the wire's schema)`);
  for (const { scenario, id, status, errorMessage } of bad) {
    problems.push(`${title}: ${scenario}: ${id}: ${status} ${errorMessage ?? ""}`);
  }
}

/** Runs `tasks` two at a time. */
async function twoByTwo(tasks) {
  const waiting = [...tasks];
  const work = async () => {
    for (let task = waiting.shift(); task; task = waiting.shift()) await task();
  };
  await Promise.all([work(), work()]);
}

async function asClient(bridge, revision, folder) {
  const wanted = (await required(revision, "Client")).filter((name) => !name.startsWith("auth/"));
  wanted.push("json-schema-2020-12-preservation");
  const found = [];
  await twoByTwo(wanted.map((scenario) => async () => {
    const out = join(folder, scenario);
    const args = [suite, "client", "--command", `${process.execPath} ${here("driver.mjs")}`, "--scenario", scenario, "--spec-version", revision, "-o", out];
    const env = { ...process.env, FOOTBRIDGE_URL: bridge, FOOTBRIDGE_TOKEN: TOKEN };
    const title = `client ${revision} ${scenario}`;
    const outcome = await run(process.execPath, args, { env, timeout: 60_000 }).catch((error) => error);
    const of_scenario = await checks(out).catch(() => []);
    found.push(...of_scenario);
    if (!of_scenario.some(({ status }) => status === "SUCCESS")) problems.push(`${title}: nothing was checked`);
    if (outcome instanceof Error && !of_scenario.some(isBad)) problems.push(`${title}: ${outcome.stdout ?? ""}${outcome.message}`);
  }));
  report(`as a client, ${revision}`, found, wanted.length);
}

async function asServer(bridge, title, upstream, revision, folder) {
  const { url, stop } = await shim(bridge, TOKEN, { type: "StreamableHttpServerParams", url: upstream });
  try {
    const wanted = await required(revision, "Server");
    const args = [suite, "server", "--url", url, "--requirements", revision, "-o", folder];
    await run(process.execPath, args, { timeout: 240_000, maxBuffer: 64 * 1024 * 1024 }).catch(() => {});
    const all = await checks(folder);
    const of = (name) => all.filter(({ scenario }) => scenario.startsWith(`server-${name}-2`));
    for (const name of wanted) {
      if (of(name).length === 0) problems.push(`${title}, ${revision}: ${name} did not run`);
    }
    report(`${title}, ${revision}`, wanted.flatMap(of), wanted.length);
  } finally {
    await stop();
  }
}

const folder = await mkdtemp(join(tmpdir(), "footbridge-conformance-"));
try {
  const bridge = await start(process.env.FOOTBRIDGE, ["serve", "--listen", "127.0.0.1:0", "--token", TOKEN]);
  for (const revision of REVISIONS) await asClient(bridge, revision, join(folder, `client-${revision}`));
  const server = await start(process.env.CONFORMANCE_SERVER, []);
  for (const revision of REVISIONS) await asServer(bridge, "as a server", server, revision, join(folder, `server-${revision}`));
  const modern = await start(process.env.CONFORMANCE_SERVER, ["--modern-only"]);
  await asServer(bridge, "as a face over a stateless server", modern, "2025-11-25", join(folder, "face"));
} finally {
  for (const child of children) child.kill();
  await rm(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
