import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const globalSetup = fileURLToPath(new URL("src/support/provoked.ts", import.meta.url));

// Whole systems, which a busy machine makes slow.
export default defineConfig({ test: { name: "test", globalSetup, testTimeout: 30_000 } });
