// The stock TypeScript SDK client (1.x), through a bridge, over its own WebSocket transport.
//
//   FOOTBRIDGE_URL=http://127.0.0.1:8000 FOOTBRIDGE_TOKEN=… node sdk_ws.mjs PARAMS [CALLS]
//
// PARAMS are the `server_params` of `POST …/ws/connect` as JSON; CALLS is a JSON list of
// {"name", "arguments"}. Prints what it saw as one line of JSON; exits 1 when anything failed.
// Needs a global WebSocket, so Node 22 or later.

import { createRequire } from "node:module";

// The SDK is installed with the servers, beside this directory.
const require = createRequire(new URL("../servers/package.json", import.meta.url));
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { WebSocketClientTransport } = require("@modelcontextprotocol/sdk/client/websocket.js");
const { CreateMessageRequestSchema, ElicitRequestSchema } = require(
  "@modelcontextprotocol/sdk/types.js",
);

const DEADLINE_MS = Number(process.env.FOOTBRIDGE_DEADLINE_MS ?? 60_000);
const base = (process.env.FOOTBRIDGE_URL ?? "http://127.0.0.1:8000").replace(/\/+$/, "");

/** Asks the bridge for a session and returns the WebSocket URL that opens it. */
async function connect(serverParams) {
  const headers = { "content-type": "application/json" };
  const token = process.env.FOOTBRIDGE_TOKEN;
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(`${base}/api/mcp/ws/connect`, {
    method: "POST",
    headers,
    body: JSON.stringify({ server_params: serverParams }),
  });
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(`connect: ${response.status} ${JSON.stringify(answer)}`);
  }
  return new URL(base.replace(/^http/, "ws") + answer.websocket_url);
}

/** Fills the required fields of an elicitation's form. */
function fillIn(schema) {
  const answer = ({ type, enum: choices }) =>
    choices?.[0] ?? { integer: 1, number: 1.5, boolean: true }[type] ?? "Ada";
  const entries = (schema.required ?? []).map((name) => [name, answer(schema.properties[name])]);
  return Object.fromEntries(entries);
}

async function main(serverParams, calls) {
  const seen = { progress: [], sampled: [], elicited: [], notifications: [], calls: [] };
  const client = new Client(
    { name: "footbridge-tests", version: "1.0.0" },
    { capabilities: { sampling: {}, elicitation: {} } },
  );
  client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
    seen.sampled.push(params.messages[0].content.text);
    const content = { type: "text", text: "An answer from the TypeScript SDK." };
    return { role: "assistant", model: "test-model", content };
  });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    seen.elicited.push(params.message);
    return { action: "accept", content: fillIn(params.requestedSchema) };
  });
  client.fallbackNotificationHandler = async ({ method }) => {
    seen.notifications.push(method);
  };
  const broken = [];
  client.onerror = (error) => {
    // The SDK handles a notification later than a response that came after it, so the last progress of a call can
    // find the call gone; it does the same over its own stdio transport.
    if (!String(error).includes("progress notification for an unknown token")) broken.push(String(error));
  };

  const transport = new WebSocketClientTransport(await connect(serverParams));
  // The client tells its transport which revision was agreed on, and nobody else.
  transport.setProtocolVersion = (version) => {
    seen.protocol_version = version;
  };
  await client.connect(transport);
  // The SDK handles a response at once and a notification a moment later: of progress that it reads in one go with
  // the result, the caller hears nothing. So it is noted where it arrives.
  const read = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if (message.method === "notifications/progress") seen.progress.push(message.params);
    read(message, extra);
  };
  seen.server = client.getServerVersion();
  seen.capabilities = client.getServerCapabilities();
  seen.tools = [];
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    seen.tools.push(...page.tools.map((tool) => tool.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  // Being given one is what makes the SDK ask for progress.
  const onprogress = () => {};
  for (const { name, arguments: args = {} } of calls) {
    try {
      const params = { name, arguments: args };
      seen.calls.push({ name, result: await client.callTool(params, undefined, { onprogress }) });
    } catch (error) {
      if (typeof error.code !== "number") throw error;
      const { code, data } = error;
      // The SDK puts the code in front of the server's own words.
      const message = error.message.replace(`MCP error ${code}: `, "");
      seen.calls.push({ name, error: { code, message, data } });
    }
  }
  await client.close();
  if (broken.length > 0) throw new Error(`the client complained: ${broken.join("; ")}`);
  return seen;
}

setTimeout(() => {
  console.error(`not done after ${DEADLINE_MS} ms`);
  process.exit(1);
}, DEADLINE_MS).unref();

const [params, calls = "[]"] = process.argv.slice(2);
if (params === undefined) {
  console.error("usage: node sdk_ws.mjs PARAMS [CALLS]");
  process.exit(2);
}
try {
  console.log(JSON.stringify(await main(JSON.parse(params), JSON.parse(calls))));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
