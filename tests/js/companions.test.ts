// The companions as a program meets them. This file is compiled, never run.
import { Client as ClientV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { FootbridgeError, FootbridgeTransport } from "footbridge/transport";
import { type UseMcpState, useMcp } from "footbridge/react";

const transport = new FootbridgeTransport({ url: new URL("http://127.0.0.1:8000"), token: "secret", server: "demo" });
const info = { name: "me", version: "1" };
await new ClientV1(info).connect(transport);
await new ClientV2(info).connect(transport);
const id: string | undefined = transport.bridgeSessionId;
transport.onerror = (error) => error instanceof FootbridgeError && error.code;
await transport.close();

function Component() {
  const { state, tools, error, callTool, session, reconnect } = useMcp({
    server: "demo",
    enabled: id !== undefined,
    reconnect: false,
    handlers: { "elicitation/create": ({ message }) => ({ action: message ? "accept" : "decline" }) },
  });
  const now: UseMcpState = state;
  if (error?.side === "bridge") reconnect();
  void callTool(tools[0]?.name ?? "", { a: 1 }).then(({ isError }) => isError);
  return session?.id ?? now;
}
Component();

// @ts-expect-error: a transport needs to know where it goes
new FootbridgeTransport();
// @ts-expect-error: params name their type
new FootbridgeTransport({ params: { command: "node" } });
// @ts-expect-error: a hook ends its session by itself
useMcp({ server: "demo", signal: AbortSignal.abort() });
// @ts-expect-error: there is no such state
useMcp({ server: "demo" }).state === "loaded";
