/** Bridges whose keys are in several tokens: one comes new, is away, comes back, is gone for good. */

import { createHmac, randomUUID } from "node:crypto";
import { rename } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Principal } from "@edge-kms/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACCOUNT, encryptWith, REGION, TestBridge } from "../testing/bridge.ts";
import { readLeaseGrant, TestEdge } from "../testing/edge.ts";
import {
  isWithoutHsm,
  type PreparedToken,
  prepareToken,
  prepareTwoTokens,
  severalTokens,
} from "../testing/stores.ts";
import { tokenDirectory } from "../testing/token-switch.ts";

const root: Principal = { account: ACCOUNT, appId: 1250000001, uin: ACCOUNT, type: "root" };

describe.skipIf(isWithoutHsm)("a bridge with several tokens", () => {
  let first: PreparedToken;
  let second: PreparedToken;
  let bridge: TestBridge;
  let edge: TestEdge;
  const others: PreparedToken[] = [];

  beforeEach(async () => {
    [first, second] = await prepareTwoTokens();
    others.push(second);
    bridge = await TestBridge.start({
      name: "one token",
      kind: "pkcs11",
      prepare: async () => first,
    });
    bridge.upkeepMs = 200;
    edge = await TestEdge.make("edge-1");
    await bridge.enroll(edge);
  }, 30_000);
  afterEach(async () => {
    await bridge?.remove();
    for (const token of others.splice(0)) await token.remove();
  });

  /** Starts the bridge anew with these tokens; those that are away are no hindrance. */
  const use = (tokens: readonly PreparedToken[], more: object = {}) =>
    bridge.restart(() => {
      Object.assign(bridge.settings, { store: severalTokens(tokens, more) });
    });
  const takeAway = (token: PreparedToken) =>
    rename(tokenDirectory(token.settings), `${tokenDirectory(token.settings)}-away`);
  const bringBack = (token: PreparedToken) =>
    rename(`${tokenDirectory(token.settings)}-away`, tokenDirectory(token.settings));
  const tokens = async () => (await bridge.operator.call("status", {})).tokens;
  const untilWhole = async () => {
    while ((await tokens()).some(({ state, lacks }) => state !== "closed" || lacks > 0)) {
      await sleep(50);
    }
    // One more pass, so that the count is of after the last change.
    await sleep(2 * bridge.upkeepMs);
    expect((await tokens()).map(({ lacks }) => lacks)).toEqual((await tokens()).map(() => 0));
  };

  const newKey = async () => {
    const keyId = randomUUID();
    await bridge.createKey(keyId);
    return keyId;
  };
  /** The branch key that encrypts, as an edge gets it. */
  const branchOf = async (keyId: string) => {
    const request = edge.leaseRequest([encryptWith(keyId)]);
    const [result] = await bridge.lease(request);
    if (result === undefined || !("grant" in result)) throw new Error(JSON.stringify(result));
    const grant = readLeaseGrant(result.grant, bridge.publicKey);
    const { leaseId, sealed } = grant;
    const key = await edge.open(sealed, "edge-kms/lease-grant/1", request.requestHash, leaseId);
    return { branch: grant.branch, key: key.toString("hex") };
  };
  const newCredential = async () => {
    const { secretId, secretKey, sealed } = await bridge.controlPlane.call("createCredential", {
      principal: root,
    });
    const text = "GETkms.example.test/?Action=DescribeKey&Nonce=1";
    const signature = createHmac("sha256", secretKey).update(text).digest("base64");
    const proof = {
      secretId,
      method: "HmacSHA256" as const,
      date: "",
      service: "",
      stringsToSign: [text],
      signature,
    };
    let current = sealed;
    const signIn = async () => {
      const call = { proof, principal: root, sealed: current };
      expect(await bridge.controlPlane.call("verifyCredential", call)).toEqual({ valid: true });
    };
    const reseal = async () => {
      const call = { secretId, principal: root, sealed: current };
      const again = await bridge.controlPlane.call("resealCredential", call);
      expect(again.sealed).not.toBe(current);
      current = again.sealed;
    };
    return { signIn, reseal };
  };

  it("gives a second token all that the first has, and needs either of them then", async () => {
    const keyId = await newKey();
    const before = await branchOf(keyId);
    const { signIn } = await newCredential();
    const unused = await newCredential();
    await bridge.stop();
    // Nothing starts with a token that has none of the home's keys alone.
    Object.assign(bridge.settings, { store: second.settings });
    await expect(bridge.start()).rejects.toThrow(/identity in the registry does not open/);
    Object.assign(bridge.settings, { store: severalTokens([first, second]) });
    await bridge.start();
    await untilWhole();
    // Of SecretKeys a copy is made when they are used, or when the control plane has them sealed anew.
    await signIn();
    await unused.reseal();
    const other = await newKey();
    const made = await branchOf(other);

    for (const away of [first, second]) {
      await bridge.stop();
      await takeAway(away);
      await bridge.start();
      expect((await tokens()).every(({ state }) => state === "closed")).toBe(false);
      expect(await branchOf(keyId)).toEqual(before);
      expect(await branchOf(other)).toEqual(made);
      await signIn();
      await unused.signIn();
      await bridge.controlPlane.call("health", {});
      await expect(bridge.createKey(randomUUID())).rejects.toMatchObject({
        code: "hsm-unavailable",
      });
      await bringBack(away);
      await untilWhole();
    }
  }, 60_000);

  it("goes on writing where that is declared, and gives the token that was away what it lacks", async () => {
    await use([first, second], { writeQuorum: 1 });
    await untilWhole();
    const old = await newKey();
    await bridge.stop();
    await takeAway(second);
    await bridge.start();
    const keyId = await newKey();
    const branches = [await branchOf(keyId), await branchOf(old)];
    const { signIn } = await newCredential();
    await sleep(2 * bridge.upkeepMs);
    const away = (await tokens()).find(({ label }) => label === "second");
    expect(away?.lacks).toBeGreaterThan(0);
    await bringBack(second);
    await untilWhole();
    await bridge.stop();
    await takeAway(first);
    await bridge.start();
    expect([await branchOf(keyId), await branchOf(old)]).toEqual(branches);
    await signIn();
    await bringBack(first);
  }, 60_000);

  it("has a new token take the place of one that is gone for good", async () => {
    await use([first, second]);
    await untilWhole();
    const keyId = await newKey();
    const before = await branchOf(keyId);
    const third = await prepareToken("third");
    others.push(third);
    await bridge.stop();
    await takeAway(second);
    Object.assign(bridge.settings, {
      store: severalTokens([first, third], { retiredTokens: ["second"] }),
    });
    await bridge.start();
    await untilWhole();
    await bridge.stop();
    await takeAway(first);
    await bridge.start();
    expect(await branchOf(keyId)).toEqual(before);
    await bringBack(first);
    await bringBack(second);
  }, 60_000);

  it("destroys in every token before it says so, and says which one it waits for", async () => {
    await use([first, second]);
    await untilWhole();
    const keyId = await newKey();
    await branchOf(keyId);
    const name = { account: ACCOUNT, region: REGION, keyId };
    const notBeforeMs = Date.now() + 7 * 86_400_000;
    await bridge.controlPlane.call("scheduleDestruction", { ...name, notBeforeMs });
    bridge.clockOffsetMs = 8 * 86_400_000;
    await bridge.stop();
    await takeAway(second);
    await bridge.start();
    const destroy = () => bridge.controlPlane.call("destroyKey", name);
    await expect(destroy()).rejects.toMatchObject({ code: "hsm-unavailable" });
    const timeMs = Date.now() + bridge.clockOffsetMs;
    const request = edge.leaseRequest([encryptWith(keyId)], { timeMs });
    expect(await bridge.leaseOutcome(request)).toBe("destroyed");
    await bridge.restart();
    await expect(destroy()).rejects.toMatchObject({ code: "hsm-unavailable" });
    await bringBack(second);
    await untilWhole();
    expect(await destroy()).toEqual({ versions: 1, branches: 1 });
    await bridge.stop();
    const left = bridge.editRegistry((database) =>
      ["copies", "wrappings", "unfinished_seals"].map((table) => {
        const sql = `SELECT count(*) AS n FROM ${table} c LEFT JOIN objects o USING (object_id)
          WHERE o.state IS NOT 'ready'`;
        return database.prepare(sql).get();
      }),
    );
    expect(left).toEqual([{ n: 0 }, { n: 0 }, { n: 0 }]);
  }, 60_000);

  it("keeps pairs made with one token in it, and seals those made with several", async () => {
    const pairOf = async (usage: "ASYMMETRIC_SIGN_VERIFY_ECC") => {
      const keyId = randomUUID();
      const request = { account: ACCOUNT, region: REGION, keyId, usage };
      await bridge.controlPlane.call("createKeyPair", request);
      return keyId;
    };
    const old = await pairOf("ASYMMETRIC_SIGN_VERIFY_ECC");
    await use([first, second]);
    await untilWhole();
    const made = await pairOf("ASYMMETRIC_SIGN_VERIFY_ECC");
    await bridge.stop();
    const wrapped = bridge.editRegistry((database) =>
      [old, made].map((keyId) =>
        database
          .prepare("SELECT wrapped IS NOT NULL AS n FROM key_pairs WHERE key_id = ?")
          .get(keyId),
      ),
    );
    expect(wrapped).toEqual([{ n: 0 }, { n: 1 }]);
  }, 60_000);

  it("says when a token has lost what it had", async () => {
    await use([first, second]);
    await untilWhole();
    await newKey();
    await bridge.stop();
    const impostor = await prepareToken("second");
    others.push(impostor);
    Object.assign(bridge.settings, { store: severalTokens([first, impostor]) });
    await bridge.start();
    expect(bridge.output.join("\n")).toContain("objects are missing in a token");
  }, 60_000);
});
