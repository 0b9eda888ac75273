// npm run test:fuzz [-- cases [seed]]: a million random cases, half on each build, compared with node:crypto and @noble/ciphers.
// A failure names its seed and case; the same seed runs the same cases.

import { randomBytes } from "node:crypto";
import { BUILDS, coreOf } from "./support/builds.ts";
import { CASES } from "./support/differential.ts";
import { Random } from "./support/random.ts";

const total = Number(process.argv[2] ?? 1_000_000);
const seed = process.argv[3] ?? randomBytes(8).toString("hex");
console.log(`${total} cases, seed ${seed}`);
const each = Math.ceil(total / BUILDS.length / CASES.length);
const start = performance.now();
for (const build of BUILDS) {
  const core = coreOf(build);
  for (const run of CASES) {
    const random = new Random(`${seed}/${build}/${run.name}`);
    for (let n = 0; n < each; n++) {
      try {
        run(core, random, n % 50 === 0 ? 9000 : 400);
      } catch (error) {
        console.error(`seed ${seed}, ${build}, ${run.name}, case ${n}:`, error);
        process.exit(1);
      }
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`${build} ${run.name}: ${each} cases agree (${seconds} s so far)`);
  }
}
