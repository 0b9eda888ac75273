import { defineConfig } from "vitest/config";

export default defineConfig({
  // One module graph for all files: each would otherwise compile the in-memory PostgreSQL for itself. Tests share no
  // state, every file has a database of its own.
  test: { name: "control-plane", isolate: false },
});
