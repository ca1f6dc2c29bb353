// What a page loads of the package: the WebAssembly and the minified script, each compressed as servers send them.
// `npm run size -- "why it changed"` writes the figure into the history.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

import { build } from "esbuild";

const file = join(import.meta.dirname, "../../client-wasm/size.json");

/** `budget`: bytes that may not be exceeded; `history`: what it was, in bytes after brotli, oldest first. */
export const HISTORY = JSON.parse(readFileSync(file, "utf8"));

const compressed = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;

/** Bytes that a page loads for `import "footbridge"` and a first call. */
export async function measure(folder) {
  const entryPoints = [join(folder, "npm/index.js")];
  const { outputFiles } = await build({ entryPoints, bundle: true, minify: true, format: "esm", write: false });
  const script = compressed(outputFiles[0].contents);
  const wasm = compressed(readFileSync(join(folder, "pkg/client_bg.wasm")));
  return { wasm, script, total: wasm + script };
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const why = process.argv[2];
  const now = await measure(join(import.meta.dirname, "../../client-wasm"));
  if (why) {
    HISTORY.history.push({ when: new Date().toISOString().slice(0, 10), why, ...now });
    writeFileSync(file, `${JSON.stringify(HISTORY, null, 2)}\n`);
  }
  console.log(`${now.total} bytes (WebAssembly ${now.wasm}, script ${now.script}) of ${HISTORY.budget}`);
}
