// A throw-away project with the package in it as npm installs it, and the ways to build it for a browser.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { nodeResolve } from "@rollup/plugin-node-resolve";
import { build as esbuild } from "esbuild";
import { rollup } from "rollup";
import { build as vite } from "vite";

const here = import.meta.dirname;
const webpack = createRequire(import.meta.url)("webpack");

/** Packs the package, and installs the tarball into a new project outside of this repository. */
export function makeProject() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "footbridge-project-")));
  const npm = (cwd, ...args) => execFileSync("npm", [...args, "--silent"], { cwd, stdio: ["ignore", "inherit", "inherit"] });
  npm(join(here, "../../client-wasm"), "pack", "--ignore-scripts", "--pack-destination", folder);
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")));
  cpSync(join(here, "app"), join(folder, "src"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  writeFileSync(join(folder, "index.html"), page("./src/page.js"));
  npm(folder, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", tarball);
  return {
    folder,
    tarball,
    installed: join(folder, "node_modules/footbridge"),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** A page that is nothing but its script. */
export function page(script) {
  return `<!doctype html><link rel="icon" href="data:,"><title>app</title><script type="module" src="${script}"></script>`;
}

/** Each tool builds `src` into the folder `to`, which is then all that a site serves. */
export const TOOLS = {
  /** Finds the workers and the WebAssembly by themselves. */
  async vite({ folder }, to) {
    await vite({ root: folder, base: "./", logLevel: "warn", build: { outDir: to, emptyOutDir: true } });
  },

  /** Does too. */
  async webpack({ folder }, to) {
    const compiler = webpack({
      mode: "production",
      context: folder,
      entry: "./src/page.js",
      output: { path: to, filename: "main.js", assetModuleFilename: "[name]-[hash][ext]" },
      performance: { hints: false },
    });
    const stats = await new Promise((resolve, reject) => compiler.run((error, stats) => (error ? reject(error) : resolve(stats))));
    await new Promise((resolve) => compiler.close(resolve));
    const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
    if (errors.length + warnings.length > 0) throw new Error([...errors, ...warnings].map(({ message }) => message).join("\n"));
    writeFileSync(join(to, "index.html"), page("./main.js"));
  },

  /** Leaves `new URL(…)` as it is: the file is put where the bundle looks for it. */
  async esbuild({ folder, installed }, to) {
    const entryPoints = ["page", "worker", "shared"].map((name) => join(folder, "src", `${name}.js`));
    const { warnings } = await esbuild({ entryPoints, bundle: true, minify: true, format: "esm", splitting: true, outdir: join(to, "js"), logLevel: "silent" });
    if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join("\n"));
    placeWasm(installed, to);
    writeFileSync(join(to, "index.html"), page("./js/page.js"));
  },

  /** Likewise. */
  async rollup({ folder, installed }, to) {
    const input = ["page", "worker", "shared"].map((name) => join(folder, "src", `${name}.js`));
    const bundle = await rollup({
      input,
      plugins: [nodeResolve({ browser: true })],
      onwarn: (warning) => {
        throw new Error(warning.message);
      },
    });
    await bundle.write({ dir: join(to, "js"), format: "es" });
    await bundle.close();
    placeWasm(installed, to);
    writeFileSync(join(to, "index.html"), page("./js/page.js"));
  },

  /** No tool at all: the files as they are. */
  async none({ folder, installed }, to) {
    cpSync(installed, join(to, "footbridge"), { recursive: true });
    cpSync(join(folder, "src"), join(to, "src"), { recursive: true });
    // Import maps do not reach workers, so a page without a tool names the file.
    const source = join(to, "src/session.js");
    const text = readFileSync(source, "utf8")
      .replace('"footbridge"', '"../footbridge/npm/index.js"')
      .replace('"footbridge/transport"', '"../footbridge/npm/transport.js"');
    writeFileSync(source, text);
    writeFileSync(join(to, "index.html"), page("./src/page.js"));
  },
};

/** The bundles are in `js`, and `new URL("../pkg/client_bg.wasm", import.meta.url)` then names this place. */
function placeWasm(installed, to) {
  cpSync(join(installed, "pkg/client_bg.wasm"), join(to, "pkg/client_bg.wasm"), { recursive: true });
}
