import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  // Relative, so that the page can be served under any path.
  base: "./",
  plugins: [react()],
  // The package finds its .wasm beside itself; a pre-bundled copy would look in the wrong place.
  optimizeDeps: { exclude: ["footbridge"] },
  server: {
    host: "127.0.0.1",
    fs: { allow: [".", "../client-wasm"] },
    proxy: { "/api": { target: "http://127.0.0.1:8000", ws: true } },
  },
  build: {
    target: "es2022",
    // The page's policy allows fonts and scripts from its own origin only, so nothing is inlined as data.
    assetsInlineLimit: 0,
    // The preload helper is of no use to a page of one chunk.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
});
