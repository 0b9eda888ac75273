import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const globalSetup = fileURLToPath(new URL("src/support/provoked.ts", import.meta.url));

export default defineConfig({ test: { name: "test", globalSetup } });
