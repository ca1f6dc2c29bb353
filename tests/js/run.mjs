// Packs the package as npm would publish it, installs the tarball here, and tests what is installed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname;
const run = (program, ...args) => execFileSync(program, args, { cwd: here, stdio: "inherit" });

// The package is for Node 22; an older one runs only this file.
const node =
  Number.parseInt(process.versions.node, 10) >= 22
    ? process.execPath
    : join(here, "node_modules/.bin/node");

const packed = mkdtempSync(join(tmpdir(), "footbridge-pack-"));
try {
  const pack = ["pack", "--silent", "--pack-destination", packed];
  execFileSync("npm", pack, { cwd: join(here, "../../client-wasm"), stdio: "inherit" });
  const [tarball] = readdirSync(packed);
  const quiet = ["--no-save", "--no-package-lock", "--ignore-scripts", "--loglevel=error"];
  run("npm", "install", ...quiet, join(packed, tarball));
  // The SDKs' own types name types of Node.js, so theirs are not checked beside ours.
  for (const project of ["tsconfig.json", "tsconfig.companions.json"]) {
    run(node, join(here, "node_modules/typescript/bin/tsc"), "--project", join(here, project));
  }
  const tests = readdirSync(here).filter((name) => name.endsWith(".test.mjs"));
  // Most of a test is waiting, for servers that start above all.
  run(node, "--test", "--test-timeout=120000", "--test-concurrency=3", ...tests);
} finally {
  rmSync(packed, { recursive: true });
}
