// Runs in a page, in a worker that it starts, and in a worker that pages share; the test asks for each by name.
import { run } from "./session.js";

const answer = (port) => new Promise((resolve, reject) => {
  port.onmessage = ({ data }) => resolve(data);
  port.onerror = ({ message }) => reject(new Error(message ?? "the worker could not be loaded"));
});

globalThis.environments = {
  page: run,
  worker(place) {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    const answered = answer(worker);
    worker.postMessage(place);
    return answered;
  },
  shared(place) {
    const worker = new SharedWorker(new URL("./shared.js", import.meta.url), { type: "module" });
    worker.port.start();
    const answered = answer(worker.port);
    worker.port.postMessage(place);
    return answered;
  },
};
