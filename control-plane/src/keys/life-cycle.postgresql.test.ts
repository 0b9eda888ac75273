/**
 * Random sequences of actions and of time that passes, in the system and in a model of the contract side by side. The seed of a failure is
 * printed with it; `EDGE_KMS_SEED` gives it again, `EDGE_KMS_LIFE_CYCLE_RUNS` the number of sequences.
 */

import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listKeys } from "../db/queries/keys.ts";
import { silentLog } from "../log.ts";
import { type Harness, startHarness } from "../testing/harness.ts";
import { setKeyFields } from "../testing/keys.ts";
import {
  beginnings,
  type LifeCycleSystem,
  lifeCycleSequences,
} from "../testing/life-cycle-commands.ts";
import { LifeCycleModel } from "../testing/life-cycle-model.ts";
import { finishDueDeletions } from "./deletion.ts";
import { endDueMaterial } from "./material.ts";
import { keyMetadata } from "./metadata.ts";
import { rotateDueKeys } from "./rotation.ts";

const runs = Number(process.env.EDGE_KMS_LIFE_CYCLE_RUNS ?? 250);
const quota = 3;

const startMs = Date.UTC(2026, 0, 1);
let nowMs = startMs;
let h: Harness;
beforeAll(async () => {
  h = await startHarness({ cmkQuota: quota }, () => nowMs);
  h.bridge.clock = h.clock;
}, 60_000);
afterAll(() => h.close());

// What ListKeyDetail does, without the call around it, which is most of the time: the action is one of the steps.
const everything = {
  states: null,
  isUserMade: true,
  origin: null,
  keyUsage: null,
  search: null,
  tags: [],
};
const page = { offset: 0, limit: 200, order: "oldest-first" } as const;

async function newSystem(): Promise<LifeCycleSystem> {
  const root = await h.account();
  const services = { database: h.database, bridge: h.bridge };
  return {
    call(action, params) {
      return root.call(action, params, { timestampSeconds: h.clock() / 1_000 });
    },
    tick() {
      nowMs += 1_000;
      return h.clock();
    },
    pass(ms) {
      nowMs += ms;
    },
    async describe() {
      const scope = { account: root.principal.account, region: "ap-singapore" };
      const { keys } = await h.database.read((db) => listKeys(db, scope, everything, page));
      return keys.map((key) => keyMetadata(key, root.principal));
    },
    async settle() {
      await finishDueDeletions(services, h.clock(), silentLog);
      await endDueMaterial(services, h.clock(), silentLog);
      await rotateDueKeys(services, h.clock(), silentLog);
    },
    // The fake bridge takes material as it is.
    wrap: (material) => Buffer.from(material.padEnd(32)).toString("base64"),
    toleranceSeconds: 0,
  };
}

test(
  `${runs} random sequences lead where the contract says`,
  async () => {
    let steps = 0;
    const sequence = lifeCycleSequences(20, true);
    const property = fc.asyncProperty(beginnings, sequence, async (first, commands) => {
      // Every sequence has the same years before it, an account of its own, and leaves nothing that would ever be due.
      nowMs = startMs;
      const system = await newSystem();
      const model = new LifeCycleModel(nowMs, quota);
      for (const command of first) await command.run(model, system);
      await fc.asyncModelRun(() => ({ model, real: system }), commands);
      for (const { id } of model.keys) await setKeyFields(h.database, id, { state: "Deleted" });
      steps += first.length + [...commands].length;
    });
    const seed = Number(process.env.EDGE_KMS_SEED ?? Date.now() % 2 ** 31);
    await fc.assert(property, { numRuns: runs, seed, verbose: 1 });
    expect(steps).toBeGreaterThan(runs);
  },
  30_000 + runs * 1_000,
);
