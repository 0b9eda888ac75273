import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  // One module graph for all files: each would otherwise compile the in-memory PostgreSQL for itself. Tests share no
  // state, every file has a database of its own. To start one takes 2 s, on a busy machine many more.
  // Those of a server run in a project of their own (test/vitest.postgresql.config.ts).
  test: {
    name: "control-plane",
    isolate: false,
    hookTimeout: 60_000,
    testTimeout: 20_000,
    exclude: [...configDefaults.exclude, "**/*.postgresql.test.ts"],
  },
});
