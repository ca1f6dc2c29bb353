import * as core from "../pkg/client.js";
import { FootbridgeError } from "./error.js";
import { Session, placeOf, read } from "./session.js";

/** The package's functions, for an environment that finds the WebAssembly with `locate`. */
export function library(locate) {
  let loading;

  function load(source) {
    loading ??= start(source).catch((error) => {
      // The next call may try again.
      loading = undefined;
      throw error;
    });
    return loading;
  }

  async function start(source) {
    try {
      await core.default({ module_or_path: await locate(source) });
    } catch (error) {
      throw new FootbridgeError({
        message: `the WebAssembly of footbridge could not be loaded: ${error.message}`,
        code: "load_failed",
        side: "browser",
        hint: "serve client_bg.wasm, and allow 'wasm-unsafe-eval' in the page's Content-Security-Policy; load(source) takes it from elsewhere",
      });
    }
  }

  async function connect(options = {}) {
    await load();
    return Session.open(core, options);
  }

  async function status({ sessionId, signal, ...place }) {
    await load();
    return read(core, placeOf(place), String(sessionId), signal);
  }

  async function servers({ signal, ...place } = {}) {
    await load();
    const catalogue = await read(core, placeOf(place), undefined, signal);
    return catalogue.servers;
  }

  return { connect, status, servers, load };
}

export { FootbridgeError, Session };
