/** How near the bridge is: "loopback" is this machine, "local" this network; `undefined` when it is neither, or unknown. */
export function nearness(url) {
  let host;
  try {
    host = new URL(url ?? "", globalThis.location?.href).hostname;
  } catch {
    return undefined;
  }
  if (/^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host)) return "loopback";
  if (/^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|\[f[cd]|\[fe[89ab])|\.local$/.test(host)) return "local";
  return undefined;
}

/**
 * Tells a session of what happens to its page and its network; gives how to stop that.
 * A bridge on this machine needs no network, and is reached without one.
 */
export function watchNetwork(connection, url) {
  const stop = new AbortController();
  const { document, navigator } = globalThis;
  const on = (target, event, act) => target?.addEventListener?.(event, act, { signal: stop.signal });
  const woke = () => connection.woke();
  if (nearness(url) === "loopback") {
    on(globalThis, "online", woke);
  } else {
    on(globalThis, "online", () => connection.network(true));
    on(globalThis, "offline", () => connection.network(false));
    if (navigator?.onLine === false) connection.network(false);
  }
  on(globalThis, "pageshow", woke);
  on(document, "resume", woke);
  on(document, "visibilitychange", () => document.visibilityState === "visible" && woke());
  return () => stop.abort();
}

/** What a browser calls the permission to reach such a place, newest name first. */
const PERMISSIONS = {
  loopback: ["loopback-network", "local-network-access"],
  local: ["local-network", "local-network-access"],
};

/** The permission that this browser knows, and its state. */
async function permission(near) {
  for (const name of PERMISSIONS[near]) {
    try {
      return { name, state: (await navigator.permissions.query({ name })).state };
    } catch {
      // It does not know this name.
    }
  }
  return undefined;
}

/** Why the bridge could not be reached, when the browser can tell: a page may need leave to reach this machine. */
export async function explained(error, url) {
  const unreached = error?.code === "unreachable" || error?.data?.close_code === 1006;
  const near = nearness(url);
  if (!unreached || !near || !globalThis.document || nearness(location.href) === "loopback") return error;
  const asked = await permission(near);
  if (!asked) return error;
  const what = near === "loopback" ? "this machine" : "this network";
  const frame = document.featurePolicy?.allowsFeature?.(asked.name) === false;
  if (asked.state === "granted") {
    error.hint = `the browser lets this page reach ${what}, so nothing answers there: is the bridge running, and does it allow this page's origin?`;
  } else if (asked.state === "prompt") {
    error.hint = `the browser asks whether this page may reach ${what}: answer with Allow and connect again; if it does not ask, is the bridge running?`;
  } else {
    error.code = "local_network_denied";
    error.side = "browser";
    error.message = `the browser does not let this page reach ${what}`;
    if (frame) error.hint = `give the <iframe> of this page allow="${PERMISSIONS[near].join("; ")}"`;
    else if (!globalThis.isSecureContext) error.hint = "serve this page over https: the browser asks for leave only there";
    else error.hint = `allow it in the browser's settings for this site, beside its address, and connect again`;
  }
  return error;
}
