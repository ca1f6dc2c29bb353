// The client under test: reaches the server of a scenario through the bridge and does what the scenario is about.
// The suite starts it as `driver.mjs <url>`, with the scenario's name in the environment.

const [url] = process.argv.slice(2);
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? "";
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");
const bridge = new URL(process.env.FOOTBRIDGE_URL);
const token = process.env.FOOTBRIDGE_TOKEN;

// The suite ends only the shell around this program.
setTimeout(() => fail("the scenario took too long"), 25_000).unref();

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

/** A value that a JSON schema accepts: its default, where it has one. */
function sample(schema = {}) {
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "string": return "text";
    case "integer": return Math.max(1, schema.minimum ?? 1);
    case "number": return Math.max(1, schema.minimum ?? 1);
    case "boolean": return true;
    case "array": return [];
    case "null": return null;
    default: break;
  }
  const properties = Object.entries(schema.properties ?? {});
  return Object.fromEntries(properties.map(([name, property]) => [name, sample(property)]));
}

/** What a user who agrees to everything answers. */
function answer(method, params) {
  switch (method) {
    case "elicitation/create":
      return { action: "accept", content: sample(params.requestedSchema) };
    case "sampling/createMessage":
      return { role: "assistant", content: { type: "text", text: "sampled" }, model: "none", stopReason: "endTurn" };
    case "roots/list":
      return { roots: [{ uri: "file:///workspace", name: "workspace" }] };
    case "ping":
      return {};
    default:
      return undefined;
  }
}

/** Opens a session with the server of the scenario. */
async function connect() {
  const response = await fetch(new URL("/api/mcp/ws/connect", bridge), {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({
      server_params: { type: "StreamableHttpServerParams", url, timeout: 10 },
      client_capabilities: { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} },
      client_info: { name: "conformance", version: "1" },
    }),
  });
  const body = await response.json();
  if (!response.ok) fail(JSON.stringify(body));
  const address = new URL(body.websocket_url, bridge);
  address.protocol = "ws:";
  const socket = new WebSocket(address, ["footbridge.v1"]);
  const calls = new Map();
  let n_calls = 0;
  const ready = new Promise((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "initialized") return resolve(message);
      if (message.type === "error") return fail(data);
      if (message.jsonrpc !== "2.0") return undefined;
      if (message.method !== undefined && message.id !== undefined) {
        const result = answer(message.method, message.params ?? {});
        const outcome = result === undefined ? { error: { code: -32601, message: "no such method" } } : { result };
        return socket.send(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...outcome }));
      }
      calls.get(message.id)?.(message);
      return undefined;
    });
  });
  socket.addEventListener("close", ({ code, reason }) => {
    if (code !== 1000) fail(`the socket was closed: ${code} ${reason}`);
  });
  const request = (method, params) =>
    new Promise((resolve) => {
      n_calls += 1;
      calls.set(n_calls, resolve);
      socket.send(JSON.stringify({ jsonrpc: "2.0", id: n_calls, method, params }));
    });
  await ready;
  const close = () => new Promise((resolve) => {
    socket.addEventListener("close", resolve);
    socket.close(1000);
  });
  return { request, close };
}

const session = await connect();
const list = await session.request("tools/list", {});
const tools = list.result?.tools ?? [];
const wanted = context.toolCalls ?? tools.map((tool) => ({ name: tool.name, arguments: sample(tool.inputSchema) }));
// A tool that wants to see another tool's schema shows what of it has arrived.
const echo = tools.find((tool) => tool.inputSchema?.properties?.schema !== undefined);
if (echo) {
  const other = tools.find((tool) => tool !== echo);
  await session.request("tools/call", { name: echo.name, arguments: { schema: other.inputSchema } });
} else if (scenario !== "initialize" && scenario !== "json-schema-ref-no-deref") {
  // Beside each other, as a page would: calls must not get into each other's way.
  await Promise.all(wanted.map((call) => session.request("tools/call", { name: call.name, arguments: call.arguments ?? {} })));
}
await session.close();
process.exit(0);
