// A TCP line to a bridge that breaks where a test wants it to: in the middle of a byte stream, without a word, or for a while.
import { createServer, connect } from "node:net";

/** Passes everything to port `to()` of this machine. What a test may set is on the object it gives. */
export async function startLine(to) {
  const line = {
    /** Called with each socket that is a WebSocket; gives after how many bytes, of both directions, it breaks. */
    budget: () => Infinity,
    /** How it breaks: "reset", "end", or "silent", which nobody notices. */
    way: () => "reset",
    /** Whether nobody gets through at all. */
    isDown: false,
    /** When sockets broke, how, and after how many bytes. */
    cuts: [],
    /** How many connections were tried. */
    tries: 0,
    /** Breaks all WebSockets that are there. */
    cutAll(way = "reset") {
      for (const cut of [...live]) cut(way);
    },
  };
  const live = new Set();
  const sockets = new Set();
  const server = createServer((page) => {
    line.tries += 1;
    if (line.isDown) return page.resetAndDestroy();
    const bridge = connect(to(), "127.0.0.1");
    let bytes = 0;
    let budget;
    let isOver = false;
    const cut = (way) => {
      if (isOver) return;
      isOver = true;
      live.delete(cut);
      line.cuts.push({ time: Date.now(), way, bytes });
      if (way === "silent") return;
      for (const socket of [page, bridge]) {
        if (way === "end") socket.end();
        else socket.resetAndDestroy();
      }
    };
    const carry = (from, into) => {
      sockets.add(from);
      from.setNoDelay(true);
      from.on("data", (data) => {
        if (isOver) return;
        if (budget === undefined) {
          const isSocket = /^GET \/api\/mcp\/ws\//.test(data.toString("latin1")) && /upgrade: websocket/i.test(data.toString("latin1"));
          budget = isSocket ? line.budget() : Infinity;
          if (isSocket) live.add(cut);
        }
        const rest = budget - bytes;
        bytes += Math.min(rest, data.length);
        if (rest > data.length) return void into.write(data);
        // All that comes before the cut leaves this machine, and nothing after it.
        const way = line.way();
        if (rest > 0) into.write(data.subarray(0, rest), () => cut(way));
        else cut(way);
      });
      from.on("end", () => isOver || into.end());
      from.on("error", () => into.destroy());
      from.on("close", () => {
        sockets.delete(from);
        live.delete(cut);
        if (!isOver) into.destroy();
      });
    };
    carry(page, bridge);
    carry(bridge, page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(line, {
    port: server.address().port,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  });
}
