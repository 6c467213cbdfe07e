import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["e2e/**/*.e2e.ts"],
    // One print after the other: each file is a studio of its own.
    fileParallelism: false,
    // The tests of a file are the steps of one story.
    sequence: { concurrent: false, shuffle: false },
    bail: 1,
    // Machines are slow at times; what never comes is told all the same.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 100_000, interval: 100 } },
  },
});
