import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "launcher", testTimeout: 20_000 } });
