import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      "protocol",
      "wasm-core",
      "hsm-bridge",
      "control-plane",
      "edge-worker",
      "launcher",
      "cli",
      "test",
      "test/vitest.postgresql.config.ts",
    ],
  },
});
