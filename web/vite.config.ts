import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds an agent. */
const agent = "http://127.0.0.1:7126";

export default defineConfig({
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2022",
    // Nothing inline: the agent's Content-Security-Policy allows only files of its own.
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    reportCompressedSize: false,
  },
  server: { host: "127.0.0.1", proxy: { "/api": { target: agent, changeOrigin: true } } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
