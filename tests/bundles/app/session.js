// What every environment does with the package: a session with the bridge's own MCP server, and a bit of everything.
import { FootbridgeError, connect, load } from "footbridge";

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
