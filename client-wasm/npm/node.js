// Node 22 and newer, and what is like it.
import { readFile } from "node:fs/promises";

import { FootbridgeError, Session, library } from "./library.js";

export const { connect, status, servers, load } = library(async (source) => {
  const place = source ?? new URL("../pkg/client_bg.wasm", import.meta.url);
  if (typeof place !== "string" && !(place instanceof URL)) return place;
  // `fetch` does not read files, and a string without a scheme is a path here.
  const remote = /^(https?|data|blob):/i.test(String(place));
  if (remote) return fetch(place);
  return readFile(/^file:/i.test(String(place)) ? new URL(place) : place);
});
export { FootbridgeError, Session };
