import { describe, test } from "vitest";
import { BUILDS, coreOf } from "./support/builds.ts";
import { CASES } from "./support/differential.ts";
import { Random } from "./support/random.ts";

// A few thousand cases here; `npm run test:fuzz` runs a million.
describe.each(BUILDS)("random cases, %s build", (build) => {
  const core = coreOf(build);
  test.each(CASES.map((run) => [run.name, run] as const))("%s agrees", (name, run) => {
    const random = new Random(`${build}/${name}`);
    for (let n = 0; n < 600; n++) run(core, random, n % 10 === 0 ? 9000 : 700);
  });
});
