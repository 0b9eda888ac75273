import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Tests of the control plane that say little in memory, where there is one connection.
export default defineConfig({
  test: {
    name: "postgresql",
    root: here("../control-plane"),
    include: [
      "src/**/*.postgresql.test.ts",
      "src/db/*.test.ts",
      "src/actions/kms/imported-material.test.ts",
      "src/actions/kms/life-cycle.test.ts",
    ],
    globalSetup: here("src/support/postgresql.ts"),
    hookTimeout: 60_000,
    testTimeout: 20_000,
    isolate: false,
  },
});
