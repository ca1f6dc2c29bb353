// The programs that run JavaScript without a page: Node.js 22, Deno and Bun, the last two from npm.
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const here = import.meta.dirname;
const modules = join(here, "node_modules");

/** The file `name` in the package for this machine: npm installs no other. A script of the package may have moved it to `moved`. */
function binary(scope, name, moved) {
  const folder = join(modules, scope);
  const packages = existsSync(folder) ? readdirSync(folder) : [];
  const file = packages.flatMap((at) => [join(folder, at, name), join(folder, at, "bin", name)]).concat(moved ? join(modules, moved) : []).find((file) => existsSync(file));
  if (!file) throw new Error(`npm has no ${name} for this machine: nothing can be said of it here`);
  return file;
}

/** How each is started. */
export const RUNTIMES = {
  "Node.js": () => {
    const isNew = Number.parseInt(process.versions.node, 10) >= 22;
    const machine = process.arch === "arm64" ? "arm64" : "x64";
    return [isNew ? process.execPath : join(here, `../servers/node_modules/node-linux-${machine}/bin/node`)];
  },
  Deno: () => [binary("@deno", "deno"), "run", "--quiet", "--allow-net", "--allow-read", "--allow-env"],
  Bun: () => [binary("@oven", "bun", "bun/bin/bun.exe"), "run"],
};

/** Runs `src/runtime.mjs` of the project, and gives what it printed. */
export async function runProgram([program, ...flags], { folder }, { origin, token }) {
  const args = [...flags, join(folder, "src/runtime.mjs"), origin, token];
  const { stdout } = await promisify(execFile)(program, args, { cwd: folder, timeout: 60_000 });
  return stdout;
}
