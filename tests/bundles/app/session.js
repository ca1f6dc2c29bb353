// What every environment does with the package: a session with the bridge's own MCP server, and a bit of everything.
import { FootbridgeError, connect, load } from "footbridge";
import { FootbridgeTransport } from "footbridge/transport";

/** The transport as the official SDK uses it: a handshake, and an end. */
async function carry(options) {
  const transport = new FootbridgeTransport(options);
  const answered = new Promise((resolve, reject) => Object.assign(transport, { onmessage: resolve, onerror: reject }));
  const ended = new Promise((resolve) => (transport.onclose = resolve));
  await transport.start();
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "app", version: "1" } };
  await transport.send({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  const { result } = await answered;
  await transport.close();
  await ended;
  return result.protocolVersion;
}

export async function run({ url, token, wasm }) {
  try {
    if (wasm) await load(wasm);
    const session = await connect({
      url,
      token,
      server: "demo",
      handlers: { "elicitation/create": () => ({ action: "accept", content: { name: "Ada", colour: "red" } }) },
    });
    const closed = session.events("close");
    const names = [];
    for await (const { name } of session.tools()) names.push(name);
    const steps = [];
    await session.callTool("long_task", { steps: 3, delay_ms: 5 }, { onProgress: ({ progress }) => steps.push(progress) });
    const sum = await session.callTool("add", { a: 2, b: 40 });
    const asked = await session.callTool("ask_elicitation", {});
    const refused = await session.callTool("fail", { mode: "protocol" }).catch((error) => error);
    await session.close();
    return {
      carried: await carry({ url, token, server: "demo" }),
      add: names.includes("add"),
      steps,
      sum: sum.structuredContent.sum,
      asked: asked.structuredContent.action,
      refused: refused instanceof FootbridgeError && refused.side,
      closed: (await closed.next()).value.code,
    };
  } catch (error) {
    return { failed: error.code ?? String(error), message: error.message };
  }
}
