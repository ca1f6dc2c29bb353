// A small MCP server on the official TypeScript SDK 2.x: `fixture.mjs stdio|http [modern-only] [port]`.

import { createServer } from "node:http";
import { Readable } from "node:stream";

import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import * as z from "zod/v4";

const [transport, ...rest] = process.argv.slice(2);
const legacy = rest.includes("modern-only") ? { legacy: "reject" } : {};

function fixture() {
  const server = new McpServer({ name: "fixture", version: "1.0.0" }, { capabilities: { logging: {} } });
  server.registerTool("echo", { description: "Says it again.", inputSchema: z.object({ message: z.string() }) }, ({ message }) => ({
    content: [{ type: "text", text: message }],
  }));
  server.registerTool("slow", { description: "Takes steps.", inputSchema: z.object({ steps: z.number() }) }, async ({ steps }, context) => {
    const progressToken = context.mcpReq._meta?.progressToken;
    for (let step = 1; step <= steps; step += 1) {
      if (progressToken !== undefined) {
        await context.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress: step, total: steps } });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { content: [{ type: "text", text: "done" }] };
  });
  return server;
}

if (transport === "stdio") {
  serveStdio(fixture, legacy);
} else {
  const handler = createMcpHandler(fixture, legacy);
  // For pages of another origin, as a server that is meant for them has it.
  const cors = process.env.FIXTURE_ORIGIN && {
    "access-control-allow-origin": process.env.FIXTURE_ORIGIN,
    "access-control-allow-headers": "*, authorization",
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-expose-headers": "*",
    "access-control-max-age": "600",
  };
  const server = createServer(async (request, response) => {
    if (cors && request.method === "OPTIONS") return response.writeHead(204, cors).end();
    const has_body = request.method !== "GET" && request.method !== "HEAD";
    const answer = await handler.fetch(
      new Request(`http://${request.headers.host}${request.url}`, {
        method: request.method,
        headers: request.headers,
        ...(has_body ? { body: Readable.toWeb(request), duplex: "half" } : {}),
      }),
    );
    response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), ...cors });
    if (answer.body) Readable.fromWeb(answer.body).pipe(response);
    else response.end();
  });
  // Longer than any pause of a test: an idle connection that ends while it is used again is a lost call.
  server.keepAliveTimeout = 600_000;
  server.listen(Number(rest.at(-1)), "127.0.0.1");
}
