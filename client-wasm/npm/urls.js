import { HANDLERS } from "./handlers.js";

/** JSON-RPC's code for "first the user has to open these URLs" (MCP 2025-11-25). */
const URLS_FIRST = -32042;

/** How long to wait for a user who is at another site, in ms, when the call says nothing. */
const PATIENCE = 600_000;

/**
 * Sends a request. When the MCP server answers that the user has to visit URLs first, the page's handler for
 * elicitation is asked as it is for every other; when the user has been there, the request is sent once more.
 */
export async function withUrls(session, method, params, options = {}) {
  try {
    return await session.request(method, params, options);
  } catch (error) {
    const wanted = error?.rpcCode === URLS_FIRST ? error.data?.elicitations : undefined;
    const handler = session[HANDLERS].get("elicitation/create");
    if (!Array.isArray(wanted) || !handler) throw error;
    const visited = visits(session, wanted, options);
    try {
      for (const elicitation of wanted) {
        const context = { method: "elicitation/create", signal: visited.signal };
        const answer = await handler({ ...elicitation, mode: "url" }, context);
        if (answer?.action !== "accept") throw error;
      }
      if (!(await visited.all)) throw error;
    } finally {
      visited.stop();
    }
    return session.request(method, params, options);
  }
}

/** Waits until the MCP server has told of each URL that the user is done there; `false` when it will not. */
function visits(session, elicitations, { signal, timeout, maxTimeout }) {
  const open = new Set(elicitations.map(({ elicitationId }) => elicitationId));
  const { promise, resolve } = Promise.withResolvers();
  const over = new AbortController();
  const stops = [
    session.onNotification("notifications/elicitation/complete", ({ elicitationId }) => {
      open.delete(elicitationId);
      if (open.size === 0) resolve(true);
    }),
    session.on("close", () => resolve(false)),
  ];
  const give = () => resolve(false);
  const timer = setTimeout(give, maxTimeout ?? timeout ?? PATIENCE);
  signal?.addEventListener("abort", give);
  stops.push(() => clearTimeout(timer), () => signal?.removeEventListener("abort", give), () => over.abort());
  if (signal?.aborted) give();
  return { all: promise, signal: over.signal, stop: () => stops.splice(0).forEach((stop) => stop()) };
}
