// An MCP server over stdio that writes down what it was told: `node told.mjs FILE …`.
// Has no tools. The file gets its further arguments and the variable KEY, as JSON.

import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [file, ...args] = process.argv.slice(2);
writeFileSync(file, JSON.stringify({ args, key: process.env.KEY ?? null }));

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const result = { protocolVersion: params?.protocolVersion, capabilities: {}, serverInfo: { name: "told", version: "1" } };
  const answer = method === "initialize" ? { result } : method === "ping" ? { result: {} } : { error: { code: -32601, message: "Method not found" } };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
}
