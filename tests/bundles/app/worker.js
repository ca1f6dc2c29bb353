import { run } from "./session.js";

self.onmessage = async ({ data }) => postMessage(await run(data));
