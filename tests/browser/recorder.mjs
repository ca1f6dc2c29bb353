// An MCP server over stdio that writes down what it hears and says, in order: `node recorder.mjs FILE`.
// Answers calls after a moment, tells and asks things unasked, and numbers all of it.

import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [file] = process.argv.slice(2);
const record = (entry) => appendFileSync(file, `${JSON.stringify(entry)}\n`);
const send = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", ...message }));

let told = 0;
let asked = 0;
let open = 0;

record({ started: process.pid });

function tell() {
  told += 1;
  record({ told });
  send({ method: "notifications/message", params: { level: "info", data: { n: told, text: "t".repeat((told * 37) % 900) } } });
}

function ask() {
  asked += 1;
  record({ asked });
  send({ id: `q${asked}`, method: "elicitation/create", params: { message: String(asked), requestedSchema: { type: "object", properties: {} } } });
}

const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    serverInfo: { name: "recorder", version: "1" },
    capabilities: { tools: {}, logging: {} },
  }),
  ping: () => ({}),
  /** What was told and asked so far. */
  totals: () => ({ told, asked, open }),
  /** Asks once, and answers without waiting. */
  ask: () => (ask(), {}),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params, result, error } = JSON.parse(line);
  if (method === undefined) {
    record({ answer: id, result, error });
  } else if (method === "tools/call") {
    const { n, wait, size } = params.arguments;
    record({ heard: n });
    open += 1;
    if (n % 3 === 0) tell();
    if (n % 20 === 0) ask();
    setTimeout(() => {
      open -= 1;
      record({ answered: n });
      send({ id, result: { content: [], structuredContent: { n, text: "r".repeat(size) } } });
    }, wait);
  } else if (method === "notifications/noted") {
    record({ heard: params.n });
  } else if (id !== undefined) {
    const act = methods[method];
    send({ id, ...(act ? { result: act(params ?? {}) } : { error: { code: -32601, message: "Method not found" } }) });
  }
}
