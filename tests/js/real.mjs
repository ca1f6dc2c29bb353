// Starts the real bridge for a test, and says where the real MCP servers are.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Server params of MCP servers that run as programs. */
const script = (path, ...args) => ({ command: process.execPath, args: [join(root, "tests/servers", path), ...args] });
export const SERVERS = {
  everything: script("node_modules/@modelcontextprotocol/server-everything/dist/index.js", "stdio"),
  fixture: script("fixture.mjs", "stdio"),
  modern: script("fixture.mjs", "stdio", "modern-only"),
};

/** A bridge on a free port, with these servers and its built-in `demo`; `url` is the line it printed, token and all. */
export async function startBridge(...flags) {
  const program = process.env.FOOTBRIDGE_BINARY ?? `${root}target/debug/footbridge`;
  const child = spawn(program, ["serve", "--listen", "127.0.0.1:0", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (data) => (log += data));
  const url = await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(`the bridge ended: ${log}`)));
    child.once("error", reject);
    createInterface({ input: child.stdout }).once("line", (line) => resolve(/http:\S+/.exec(line)[0]));
  });
  const { origin, hash } = new URL(url);
  return {
    url,
    origin,
    token: hash.replace("#token=", ""),
    log: () => log,
    kill: () => child.kill("SIGKILL"),
    stop: () => new Promise((resolve) => {
      child.removeAllListeners("exit");
      if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
      child.once("exit", resolve);
      child.kill("SIGTERM");
    }),
  };
}

/** The same with a catalogue of the servers above. */
export async function startCatalogue(...flags) {
  const folder = mkdtempSync(join(tmpdir(), "footbridge-servers-"));
  const file = join(folder, "servers.json");
  writeFileSync(file, JSON.stringify({ mcpServers: SERVERS }));
  const bridge = await startBridge("--servers", file, ...flags);
  const stop = async () => {
    const code = await bridge.stop();
    rmSync(folder, { recursive: true });
    return code;
  };
  return { ...bridge, stop };
}
