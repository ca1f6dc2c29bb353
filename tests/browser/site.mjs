// Serves a few files, or a page that is nothing but its origin, on a free port.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const types = { js: "text/javascript", wasm: "application/wasm" };

/** A site of its own origin: `page` is its HTML, `folder` (a URL) holds everything else it serves. */
export async function startSite(page, folder) {
  const server = createServer(async (request, response) => {
    if (request.url === "/") return response.setHeader("content-type", "text/html").end(page);
    try {
      const file = await readFile(new URL(`.${request.url}`, folder));
      response.setHeader("content-type", types[request.url.split(".").pop()] ?? "application/octet-stream").end(file);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
