/** How long a page that was just left may take to let go of its session. */
const LEAVING = 1000;

/** The tab's own storage; a page that may not have any goes without. */
function storage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}

/** Holds `name` until the function it gives is called, or the page is gone; `undefined` when another page has it. */
function hold(name, patience) {
  const { promise, resolve: release } = Promise.withResolvers();
  return new Promise((resolve) => {
    const held = () => {
      resolve(release);
      return promise;
    };
    navigator.locks.request(name, { signal: AbortSignal.timeout(patience) }, held).catch(() => resolve(undefined));
  });
}

/**
 * Keeps the way back to a session for the next page of this tab, under `key`: the URL of its sockets, the token that
 * opens it and the catalogue's name of its server. Never the bridge's token, never params.
 *
 * A tab that is duplicated has a copy. Where there are locks the copy sees that its session is held; elsewhere the way
 * back is written only when a page is left, so that there is nothing to copy.
 */
export async function keep(key, server) {
  const store = storage();
  const name = `footbridge:${key}`;
  const locks = globalThis.navigator?.locks;
  const stop = new AbortController();
  let way;
  let isOurs = false;
  let release;

  const write = () => {
    if (way) store?.setItem(name, JSON.stringify({ ...way, server }));
  };
  const take = async () => {
    const text = store?.getItem(name);
    if (!text) return undefined;
    if (!locks) store.removeItem(name);
    const { url, token, server: before } = JSON.parse(text);
    if (before !== server) return undefined;
    if (locks && !(release = await hold(url, LEAVING))) return undefined;
    way = { url, token };
    return text;
  };

  const earlier = await take().catch(() => undefined);
  if (!locks) globalThis.addEventListener?.("pagehide", write, { signal: stop.signal });

  return {
    earlier,
    /** There is a way back, or a newer one. */
    async has(url, token) {
      const isNew = way?.url !== url;
      way = { url, token };
      isOurs = true;
      if (!locks) return;
      write();
      if (!isNew) return;
      release?.();
      release = await hold(url, LEAVING);
      if (stop.signal.aborted) release?.();
    },
    /** The session is over. One that was never reached may be there for the next page. */
    drop() {
      stop.abort();
      release?.();
      if (isOurs && store?.getItem(name)?.includes(JSON.stringify(way.url))) store.removeItem(name);
    },
  };
}
