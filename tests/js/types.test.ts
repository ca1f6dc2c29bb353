// The types as a program meets them. This file is compiled, never run.
import {
  type CatalogueEntry,
  type CloseInfo,
  FootbridgeError,
  type Json,
  type JsonObject,
  Session,
  type SessionStatus,
  connect,
  load,
  servers,
  status,
} from "footbridge";

const session: Session = await connect({ server: "demo" });
await connect({
  url: "http://127.0.0.1:8000",
  token: "secret",
  params: { type: "StdioServerParams", command: "node", args: ["x"], env: { A: "b" } },
  clientInfo: { name: "me", version: "1" },
  capabilities: { sampling: {} },
  handlers: {
    "roots/list": () => ({ roots: [] }),
    "sampling/createMessage": async (params, { method, signal }) => {
      signal.throwIfAborted();
      return { method, echo: params["messages"] ?? null };
    },
  },
  resume: { key: "demo" },
  onState: (state, { reason }) => state === "detached" && reason === "offline",
  onFrame: ({ direction, text }) => console.log(direction === "in", text.length),
  timeout: 5_000,
  signal: AbortSignal.timeout(1_000),
});

const result: JsonObject = await session.request("tools/call", { name: "x" }, { timeout: 1 });
const member: Json | undefined = result["content"];
session.notify("notifications/roots/list_changed");
session.onRequest("roots/list", null);
const stop: () => void = session.on("notification", ({ method, params }) => {
  console.log(method.length, params["level"], member);
});
stop();
session.on("state", (state, { reason }) => console.log(state === "closed", reason?.length, session.resumed));
session.on("close", (info: CloseInfo) => info.error?.code);
const how: SessionStatus = await session.status();
const again: SessionStatus = await status({ sessionId: session.id });
const entries: CatalogueEntry[] = await servers();
await load(new URL("https://example.com/client_bg.wasm"));
console.log(how.connected, again["anything"], entries[0]?.transport);
const inputs = Object.fromEntries((entries[0]?.inputs ?? []).map(({ name, default: shown }) => [name, shown ?? ""]));
await connect({ server: "demo", inputs });
try {
  await session.close();
} catch (error) {
  if (error instanceof FootbridgeError && error.side === "bridge") console.log(error.rpcCode);
}

// @ts-expect-error: a method is needed
void session.request();
// @ts-expect-error: params are an object
void session.request("x", [1]);
// @ts-expect-error: a function is no JSON
void session.request("x", { f: () => 1 });
// @ts-expect-error: there is no such event
session.on("message", () => {});
// @ts-expect-error: a state is one of five
session.on("state", (state) => state === "open");
// @ts-expect-error: it is kept by a key, or not at all
void connect({ server: "demo", resume: "demo" });
// @ts-expect-error: who a session talks to is not assigned
session.id = "x";
// @ts-expect-error: a type names the params
void connect({ params: { command: "node" } });
// @ts-expect-error: connect needs options
void connect();
// @ts-expect-error: a status is that of a session
void status({ url: "/api/mcp" });
// @ts-expect-error: sessions come from connect
new Session();
// @ts-expect-error: an error is caught, not made
new FootbridgeError("x");
