/**
 * Random sequences of calls by the official SDK, through the system that `npm start` makes, beside the model of the contract that the
 * control plane is tested with: HSM, database and both doors are the real ones, and time is left out.
 */

import { constants, createPublicKey, publicEncrypt } from "node:crypto";
import {
  beginnings,
  type LifeCycleSystem,
  lifeCycleSequences,
} from "@edge-kms/control-plane/testing/life-cycle-commands";
import { LifeCycleModel } from "@edge-kms/control-plane/testing/life-cycle-model";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createClient } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { discard, type System, startSystem } from "./support/system.ts";

const runs = Number(process.env.EDGE_KMS_SYSTEM_LIFE_CYCLE_RUNS ?? 30);
const quota = 3;

let system: System;
beforeAll(async () => {
  system = await startSystem({ config: { controlPlane: { cmkQuota: quota } } });
}, 60_000);
afterAll(() => discard(system), 60_000);

function asLifeCycleSystem(region: string): LifeCycleSystem {
  const kms = createClient(system, { region });
  const call: LifeCycleSystem["call"] = async (action, params) => {
    try {
      return { code: undefined, response: await kms.request(action, params) };
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === undefined) throw error;
      return { code, response: {} };
    }
  };
  return {
    call,
    tick: Date.now,
    async describe() {
      const all = { KeyUsage: "ALL", Limit: 200, OrderType: 1 };
      return (await call("ListKeyDetail", all)).response.KeyMetadatas;
    },
    settle: async () => {},
    wrap(material, publicKey) {
      if (publicKey === "") return Buffer.alloc(256, 1).toString("base64");
      const key = createPublicKey({
        key: Buffer.from(publicKey, "base64"),
        format: "der",
        type: "spki",
      });
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      const bytes = Buffer.from(material.padEnd(region === "ap-guangzhou" ? 16 : 32));
      return publicEncrypt({ key, padding, oaepHash: "sha1" }, bytes).toString("base64");
    },
    toleranceSeconds: 60,
  };
}

it(
  `${runs} random sequences lead where the contract says`,
  async () => {
    let steps = 0;
    const regions = fc.constantFrom("ap-singapore", "ap-guangzhou");
    const sequence = lifeCycleSequences(10, false);
    const property = fc.asyncProperty(
      regions,
      beginnings,
      sequence,
      async (region, first, rest) => {
        // What earlier sequences left is out of sight; its HSM objects stay, as of keys that were deleted by an operator's hand.
        await withDatabase(system, (query) => query("update keys set state = 'Deleted'"));
        const real = asLifeCycleSystem(region);
        const model = new LifeCycleModel(Date.now(), quota);
        for (const command of first) await command.run(model, real);
        await fc.asyncModelRun(() => ({ model, real }), rest);
        steps += first.length + [...rest].length;
      },
    );
    const seed = Number(process.env.EDGE_KMS_SEED ?? Date.now() % 2 ** 31);
    await fc.assert(property, { numRuns: runs, seed, verbose: 1 });
    expect(steps).toBeGreaterThan(runs);
  },
  60_000 + runs * 10_000,
);
