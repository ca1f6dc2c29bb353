// Browsers and bundlers. A bundler finds the file by the literal URL below.
import { FootbridgeError, Session, library } from "./library.js";

export const { connect, status, servers, load } = /* @__PURE__ */ library(
  (source) => source ?? new URL("../pkg/client_bg.wasm", import.meta.url),
);
export { FootbridgeError, Session };
