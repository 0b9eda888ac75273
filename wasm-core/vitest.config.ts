import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "wasm-core", include: ["test/**/*.test.ts"], testTimeout: 120_000 },
});
