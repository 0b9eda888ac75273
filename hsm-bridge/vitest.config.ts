import { defineConfig } from "vitest/config";

// Processes start in many of these tests, and tokens are slow on a busy machine.
export default defineConfig({
  test: { name: "hsm-bridge", testTimeout: 30_000, hookTimeout: 60_000 },
});
