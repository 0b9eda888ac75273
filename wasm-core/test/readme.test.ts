import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { PROMISED } from "../bench/promises.ts";
import { CROSSOVER_BYTES } from "../src/index.ts";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");
const readme = read("../README.md");

test("the example in the README is the file that runs, and prints what it says", () => {
  const example = read("./example.ts");
  expect(readme).toContain(example.trim());
  const output = execFileSync(process.execPath, [
    fileURLToPath(new URL("./example.ts", import.meta.url)),
  ]);
  expect(output.toString()).toBe("attack at dawn\nnull\n");
});

test("the README names the ratios that the bench checks and the crossovers in the code", () => {
  for (const { subject, atLeast, rival } of PROMISED) {
    const row = readme
      .split("\n")
      .find(
        (line) =>
          line.startsWith(`| ${subject} `) && line.includes(rival) && line.includes(`${atLeast} ×`),
      );
    expect(row, `${subject} against ${rival}`).toBeDefined();
  }
  for (const [runtime, { cachedKey, derivedKey }] of Object.entries(CROSSOVER_BYTES)) {
    const numbers = `${cachedKey.toLocaleString("en")} | ${derivedKey.toLocaleString("en")}`;
    expect(readme).toContain(`| ${runtime} | ${numbers} |`);
  }
});
