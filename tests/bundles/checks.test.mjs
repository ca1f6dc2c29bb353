// What checks packages says of ours: how it resolves, what it weighs, whether every word of it is described.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

import { makeProject } from "./project.mjs";
import { HISTORY, measure } from "./size.mjs";

let project;
before(() => (project = makeProject()));
after(() => project?.remove());

test("publint has nothing to say", async () => {
  const { messages, pkg } = await publint({ pkgDir: project.installed, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test("the types are right wherever the package can be imported", async () => {
  const tarball = createPackageFromTarballData(new Uint8Array(readFileSync(project.tarball)));
  const { problems, entrypoints } = await checkPackage(tarball, { excludeEntrypoints: ["./client_bg.wasm", "./package.json"] });
  assert.deepEqual(Object.keys(entrypoints).sort(), [".", "./react", "./transport"]);
  // The package is of ES modules alone: what is older than they are, and `require` without them, is not promised.
  const promised = problems.filter(({ kind, resolutionKind }) => kind !== "CJSResolvesToESM" && resolutionKind !== "node10" && resolutionKind !== "node16-cjs");
  assert.deepEqual(promised, []);
  for (const [name, { resolutions }] of Object.entries(entrypoints)) {
    for (const kind of ["node16-esm", "bundler"]) assert.ok(resolutions[kind]?.resolution?.isTypeScript, `${name} ${kind}`);
  }
});

test("every word of the package has its description, and the reference is made of them", () => {
  const out = mkdtempSync(join(tmpdir(), "footbridge-reference-"));
  try {
    const typedoc = join(import.meta.dirname, "node_modules/typedoc/bin/typedoc");
    execFileSync(process.execPath, [typedoc, "--options", join(import.meta.dirname, "../../client-wasm/typedoc.json"), "--out", out], { encoding: "utf8", stdio: "pipe" });
    const pages = readdirSync(join(out, "interfaces")).concat(readdirSync(join(out, "classes")));
    for (const page of ["index.Session.html", "index.CallToolResult.html", "transport.FootbridgeTransport.html", "react.UseMcpResult.html"]) {
      assert.ok(pages.includes(page), page);
    }
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("all that a page loads is within its budget, and the history of its size says so", async () => {
  const { budget, history } = HISTORY;
  const now = await measure(project.installed);
  assert.ok(now.total <= budget, `a page loads ${now.total} bytes, and its budget is ${budget}: make it smaller`);
  const last = history.at(-1);
  assert.ok(Math.abs(now.total - last.total) <= last.total / 50, `a page loads ${now.total} bytes and client-wasm/size.json says ${last.total}: run \`npm run size -- "why"\` in tests/bundles`);
  for (const { wasm, script, total, when, why } of history) {
    assert.equal(wasm + script, total);
    assert.match(when, /^\d{4}-\d\d-\d\d$/);
    assert.ok(why.length > 0);
  }
});
