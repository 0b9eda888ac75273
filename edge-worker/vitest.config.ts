import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "edge-worker",
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["test/support/build.ts"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
