import { expect, test } from "vitest";
import { describeFound, exploreAll, walk } from "./explore.ts";
import { mutations } from "./model.ts";
import { type Scenario, scenarios, shownIn, wide } from "./scenarios.ts";

/** `npm run test:fuzz` looks longer. */
const walks = Number(process.env.EDGE_KMS_MODEL_WALKS ?? 300);
const firstSeed = Number(process.env.EDGE_KMS_MODEL_SEED ?? 1);
const stepsPerWalk = 100;
const maxStates = 200_000;
const timeout = 120_000;

/** Steps that must be possible, lest the promises are kept by nothing happening. */
const mustHappen: Partial<Record<Scenario, readonly string[]>> = {
  revocation: ["edge: ANSWERS", "control plane: a revocation is ACKNOWLEDGED"],
  "delivery with lost acknowledgements": ["edge: deletes what is acknowledged"],
  "crash and successor": ["control plane: incarnation 1 is settled", "edge: ANSWERS"],
  "lost storage": ["control plane: incarnation 1 is written off"],
  "permission that was overtaken": ["control plane: the key is enabled again"],
  "restored bridge": ["control plane: takes over the bridge's generation"],
};

test.each(Object.keys(scenarios) as Scenario[])(
  "P2 and P3 hold in every state of: %s",
  (name) => {
    const { isComplete, found, labels } = exploreAll(scenarios[name], maxStates);
    expect(found === null ? null : describeFound(found)).toBeNull();
    expect(isComplete).toBe(true);
    for (const label of mustHappen[name] ?? ["edge: ANSWERS"]) expect(labels).toContain(label);
  },
  timeout,
);

test.each(mutations)(
  "a protocol with this rule broken is caught: %s",
  (mutation) => {
    const { found } = exploreAll({ ...scenarios[shownIn[mutation]], mutation }, maxStates);
    expect(found, "no counterexample").not.toBeNull();
    if (found === null) return;
    expect(found.broken).toMatch(/^P[23]: /);
    if (process.env.EDGE_KMS_MODEL_TRACES) console.log(`${mutation}: ${describeFound(found)}`);
  },
  timeout,
);

test(
  "P2 and P3 hold along random walks with everything that can go wrong",
  () => {
    for (let seed = firstSeed; seed < firstSeed + walks; seed++) {
      const found = walk(wide, seed, stepsPerWalk);
      expect(found === null ? null : `seed ${seed}: ${describeFound(found)}`).toBeNull();
    }
  },
  Math.max(timeout, walks * 100),
);
