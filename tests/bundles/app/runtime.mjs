// The same without a page: in Node.js, Deno and Bun.
import { run } from "./session.js";

const [url, token] = globalThis.process.argv.slice(2);
console.log(JSON.stringify(await run({ url, token })));
