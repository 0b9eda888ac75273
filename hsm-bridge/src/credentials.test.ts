/** Access secrets over the bridge's API, on every store. */

import { createHash, createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import type {
  BridgeSealingKey,
  CallerProof,
  CredentialRequest,
  Principal,
} from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deriveSigningKey, isSignedBy, randomAlphanumeric } from "./access-secrets.ts";
import type { KeyStore } from "./key-store.ts";
import { ACCOUNT, LIMITS, TestBridge } from "./testing/bridge.ts";
import {
  readCredentialGrant,
  readSealingKey,
  type SignedRequest,
  TestEdge,
} from "./testing/edge.ts";
import { storeBackends } from "./testing/stores.ts";

const code = (value: string) => expect.objectContaining({ code: value });
const root: Principal = { account: ACCOUNT, appId: 1250000001, uin: ACCOUNT, type: "root" };
const user: Principal = { ...root, uin: "100000000777", type: "user" };
const today = (): string => new Date().toISOString().slice(0, 10);

function tc3Proof(
  secretId: string,
  secretKey: string,
  date = today(),
  service = "kms",
): CallerProof {
  const text = `TC3-HMAC-SHA256\n1700000000\n${date}/${service}/tc3_request\n${"ab".repeat(32)}`;
  const step = (key: string | Buffer, data: string) =>
    createHmac("sha256", key).update(data).digest();
  const kSigning = step(step(step(`TC3${secretKey}`, date), service), "tc3_request");
  return {
    secretId,
    method: "TC3-HMAC-SHA256",
    date,
    service,
    stringsToSign: [`${text.slice(0, -1)}0`, text],
    signature: step(kSigning, text).toString("hex"),
  };
}

function v1Proof(
  secretId: string,
  secretKey: string,
  method: "HmacSHA1" | "HmacSHA256",
): CallerProof {
  const text = "GETkms.example.test/?Action=DescribeKey&Nonce=1";
  const algorithm = method === "HmacSHA1" ? "sha1" : "sha256";
  const signature = createHmac(algorithm, secretKey).update(text).digest("base64");
  return { secretId, method, date: "", service: "", stringsToSign: [text], signature };
}

describe("signatures", () => {
  // Worked example of the wire reference §1.2 and §1.3, equal to the official Node SDK's own signer.
  const secretKey = Buffer.from("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE");
  it("derives kSigning as the official clients do", () => {
    const kSigning = deriveSigningKey(secretKey, "2023-11-14", "kms");
    expect(kSigning.toString("hex")).toBe(
      "940bb4931680a8c066eadfde931eba313cd78e41ea557e8518740eed3df17312",
    );
    const proof: CallerProof = {
      secretId: "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
      method: "TC3-HMAC-SHA256",
      date: "2023-11-14",
      service: "kms",
      stringsToSign: [
        "TC3-HMAC-SHA256\n1700000000\n2023-11-14/kms/tc3_request\n240c722b35c96aab458d38cfffb04480373bc34c14097fa111cc6115bc109493",
      ],
      signature: "5ad6b0fefb6793cfb81a39df7bab4079b97f429b6f35d6eabd6b17aa91eea2f8",
    };
    expect(isSignedBy(kSigning, proof)).toBe(true);
    expect(isSignedBy(kSigning, { ...proof, signature: proof.signature.toUpperCase() })).toBe(
      false,
    );
    expect(isSignedBy(kSigning, { ...proof, signature: "" })).toBe(false);
    expect(isSignedBy(kSigning, { ...proof, signature: "00".repeat(32) })).toBe(false);
  });

  it("draws SecretId and SecretKey characters without bias", async () => {
    // Bytes 248 to 255 would make the first eight characters likelier: they are drawn again.
    let next = 0;
    const store = {
      random: async (count: number) => Uint8Array.from({ length: count }, () => next++ & 0xff),
    } as unknown as KeyStore;
    const drawn = Buffer.concat(
      await Promise.all(Array.from({ length: 8 }, () => randomAlphanumeric(store))),
    );
    expect(drawn.toString()).toMatch(/^[A-Za-z0-9]{256}$/);
    next = 248;
    expect((await randomAlphanumeric(store)).toString().slice(0, 3)).toBe("ABC");
  });
});

describe.each(storeBackends)("credentials over the $name store", (backend) => {
  let bridge: TestBridge;
  let edge: TestEdge;
  let made: { secretId: string; secretKey: string; sealed: string };

  beforeAll(async () => {
    bridge = await TestBridge.start(backend);
    edge = await TestEdge.make("edge-1");
    await bridge.enroll(edge);
    made = await bridge.controlPlane.call("createCredential", { principal: user });
  });
  afterAll(async () => {
    await bridge?.remove();
  });

  const verify = async (proof: CallerProof, changes: object = {}): Promise<boolean> =>
    (
      await bridge.controlPlane.call("verifyCredential", {
        proof,
        principal: user,
        sealed: made.sealed,
        ...changes,
      })
    ).valid;
  const lease = (
    proof: CallerProof,
    changes: object = {},
    request = edge.credentialRequest(proof),
  ) =>
    bridge.controlPlane
      .call("leaseCredential", {
        request: request.message,
        principal: user,
        sealed: made.sealed,
        epoch: bridge.epoch(),
        limits: LIMITS,
        ...changes,
      })
      .then(({ grant }) => ({ request, grant: readCredentialGrant(grant, bridge.publicKey) }));

  it("makes SecretIds and SecretKeys of the contract's form, each once", async () => {
    expect(made.secretId).toMatch(/^AKID[A-Za-z0-9]{32}$/);
    expect(made.secretKey).toMatch(/^[A-Za-z0-9]{32}$/);
    const other = await bridge.operator.call("createCredential", { principal: user });
    expect(other.secretId).not.toBe(made.secretId);
    expect(other.secretKey).not.toBe(made.secretKey);
  });

  it("verifies TC3 and both v1 signatures, any of the strings, and nothing else", async () => {
    const { secretId, secretKey } = made;
    expect(await verify(tc3Proof(secretId, secretKey))).toBe(true);
    expect(await verify(v1Proof(secretId, secretKey, "HmacSHA1"))).toBe(true);
    expect(await verify(v1Proof(secretId, secretKey, "HmacSHA256"))).toBe(true);
    expect(await verify(tc3Proof(secretId, `${secretKey.slice(1)}A`))).toBe(false);
    expect(await verify(v1Proof(secretId, "x".repeat(32), "HmacSHA1"))).toBe(false);
    const proof = tc3Proof(secretId, secretKey);
    expect(await verify({ ...proof, stringsToSign: proof.stringsToSign.slice(0, 1) })).toBe(false);
    await expect(verify({ ...proof, date: "2020-01-01" })).rejects.toEqual(code("bad-request"));
    await expect(verify({ ...proof, service: "cam" })).rejects.toEqual(code("bad-request"));
  });

  it("opens a sealed SecretKey for its own SecretId and principal only", async () => {
    const { secretId, secretKey, sealed } = made;
    const proof = tc3Proof(secretId, secretKey);
    const flipped = Buffer.from(sealed, "base64");
    flipped[20] = (flipped[20] as number) ^ 1;
    for (const changes of [
      { principal: root },
      { principal: { ...user, uin: "100000000778" } },
      { principal: { ...user, account: "100000000002" } },
      { proof: { ...proof, secretId: `AKID${"z".repeat(32)}` } },
      { sealed: flipped.toString("base64") },
      { sealed: "AAAA" },
      { sealed: "!" },
    ]) {
      await expect(verify(proof, changes)).rejects.toEqual(code("corrupt"));
    }
  });

  it("leases kSigning of one day and service, sealed to the instance", async () => {
    const { secretId, secretKey } = made;
    const { grant, request } = await lease(tc3Proof(secretId, secretKey));
    expect(grant).toMatchObject({
      requestHash: request.requestHash,
      secretId,
      principal: user,
      service: "kms",
      date: today(),
    });
    if (grant.sealed === null) throw new Error("nothing sealed");
    const kSigning = await edge.open(
      grant.sealed,
      "edge-kms/credential-grant/1",
      request.requestHash,
      grant.leaseId,
    );
    expect(kSigning).toEqual(deriveSigningKey(Buffer.from(secretKey), today(), "kms"));
  });

  it("leases nothing for a signature that does not match, or of another day", async () => {
    const { secretId, secretKey } = made;
    await expect(lease(tc3Proof(secretId, "y".repeat(32)))).rejects.toEqual(code("bad-signature"));
    await expect(lease(tc3Proof(secretId, secretKey, "2023-11-14"))).rejects.toEqual(
      code("bad-signature"),
    );
  });

  describe("v1 proofs of edges", () => {
    const sealingKey = async (): Promise<BridgeSealingKey> =>
      readSealingKey((await bridge.controlPlane.call("status", {})).sealingKey, bridge.publicKey);
    const leaseSealed = async (
      proof: CallerProof,
      changes: object = {},
      proofChanges: object = {},
      key?: BridgeSealingKey,
    ) => {
      const to = key ?? (await sealingKey());
      return lease(proof, {}, await edge.sealedCredentialRequest(proof, to, changes, proofChanges));
    };
    const payloadOf = ({ message }: SignedRequest): CredentialRequest =>
      JSON.parse(Buffer.from(message.payload, "base64").toString());
    const v1 = (method: "HmacSHA1" | "HmacSHA256" = "HmacSHA256") =>
      v1Proof(made.secretId, made.secretKey, method);

    it("are sealed to a key that the identity signs, named by its hash", async () => {
      const { publicKey, keyId, madeAtMs } = await sealingKey();
      const raw = Buffer.from(publicKey, "base64");
      expect(raw).toHaveLength(32);
      expect(keyId).toBe(createHash("sha256").update(raw).digest("hex").slice(0, 16));
      expect(Math.abs(Date.now() - madeAtMs)).toBeLessThan(600_000);
      expect(await sealingKey()).toEqual({ publicKey, keyId, madeAtMs });
    });

    it("are vouched for once, by a grant over the sealed request, and lease nothing", async () => {
      for (const method of ["HmacSHA1", "HmacSHA256"] as const) {
        const { grant, request } = await leaseSealed(v1(method));
        expect(grant).toMatchObject({
          requestHash: request.requestHash,
          secretId: made.secretId,
          date: "",
          service: "",
          sealed: null,
        });
        expect(JSON.stringify(payloadOf(request))).not.toContain("DescribeKey");
      }
      const wrong = v1Proof(made.secretId, "x".repeat(32), "HmacSHA1");
      await expect(leaseSealed(wrong)).rejects.toEqual(code("bad-signature"));
      await expect(leaseSealed(v1(), {}, { method: "HmacSHA1" })).rejects.toEqual(
        code("bad-signature"),
      );
    });

    it("in the clear are refused", async () => {
      await expect(lease(v1())).rejects.toEqual(code("edge-refused"));
    });

    it("of the largest requests are taken", async () => {
      const text = `POSTkms.example.test/?Plaintext=${'"'.repeat(1024 * 1024)}`;
      const signature = createHmac("sha256", made.secretKey).update(text).digest("base64");
      const proof = { ...v1(), stringsToSign: [`${text} `, text], signature };
      expect((await leaseSealed(proof)).grant.sealed).toBeNull();
    });

    it("moved to another request, edge or instance do not open", async () => {
      const key = await sealingKey();
      const { proof, nonce, instance } = payloadOf(await edge.sealedCredentialRequest(v1(), key));
      const refusedProof = (request: SignedRequest) =>
        expect(lease(v1(), {}, request)).rejects.toEqual(code("edge-refused"));
      await refusedProof(await edge.sealedCredentialRequest(v1(), key, { proof }));
      await refusedProof(
        await edge.sealedCredentialRequest(v1(), key, { instance: "ab".repeat(16) }),
      );
      const other = await TestEdge.make("edge-2");
      await bridge.enroll(other);
      await refusedProof(
        await other.sealedCredentialRequest(v1(), key, { nonce, instance, proof }),
      );
    });

    it("altered, or with another content, do not open", async () => {
      const key = await sealingKey();
      const { proof, nonce } = payloadOf(await edge.sealedCredentialRequest(v1(), key));
      if (!("sealed" in proof)) throw new Error("not sealed");
      const { sealed } = proof;
      const flip = (text: string, at: number): string => {
        const bytes = Buffer.from(text, "base64");
        bytes[at] = (bytes[at] as number) ^ 1;
        return bytes.toString("base64");
      };
      for (const changes of [
        { enc: flip(sealed.enc, 0) },
        { enc: "" },
        { enc: Buffer.alloc(32).toString("base64") },
        { ciphertext: flip(sealed.ciphertext, 0) },
        { ciphertext: flip(sealed.ciphertext, sealed.ciphertext.length / 2) },
        { ciphertext: "" },
        { ciphertext: "!" },
        { kem: 0x0021 },
      ]) {
        const changed = { nonce, proof: { ...proof, sealed: { ...sealed, ...changes } } };
        await expect(leaseSealed(v1(), changed)).rejects.toEqual(code("edge-refused"));
      }
      // It was the change each time: the same proof in a request of that nonce is taken.
      expect((await leaseSealed(v1(), { nonce, proof })).grant.sealed).toBeNull();
      const strings = { ...v1(), stringsToSign: [] };
      await expect(leaseSealed(strings)).rejects.toEqual(code("edge-refused"));
      const more = { ...v1(), signature: 1 } as unknown as CallerProof;
      await expect(leaseSealed(more)).rejects.toEqual(code("edge-refused"));
    });

    it("sealed to another key are told so, and a restart changes the key", async () => {
      const before = await sealingKey();
      const unknown = { sealingKeyId: "00".repeat(8) };
      await expect(leaseSealed(v1(), {}, unknown)).rejects.toEqual(code("sealing-key-changed"));
      await bridge.restart();
      const after = await sealingKey();
      expect(after.publicKey).not.toBe(before.publicKey);
      await expect(leaseSealed(v1(), {}, {}, before)).rejects.toEqual(code("sealing-key-changed"));
      const posing = { sealingKeyId: after.keyId };
      await expect(leaseSealed(v1(), {}, posing, before)).rejects.toEqual(code("edge-refused"));
      expect((await leaseSealed(v1())).grant.sealed).toBeNull();
    });
  });

  it("refuses replays, other edges' signatures, foreign accounts and old epochs", async () => {
    const proof = tc3Proof(made.secretId, made.secretKey);
    const request = edge.credentialRequest(proof);
    await lease(proof, {}, request);
    await expect(lease(proof, {}, request)).rejects.toEqual(code("edge-refused"));
    const impostor = await TestEdge.make("edge-1");
    await expect(lease(proof, {}, impostor.credentialRequest(proof))).rejects.toEqual(
      code("edge-refused"),
    );
    await expect(lease(proof, { principal: { ...user, account: "100000000009" } })).rejects.toEqual(
      code("edge-refused"),
    );
    await lease(proof, { epoch: bridge.epoch(3) });
    await expect(lease(proof, { epoch: bridge.epoch(2) })).rejects.toEqual(code("stale-epoch"));
    bridge.epochCounter = 3;
  });

  it("stops for a frozen account", async () => {
    const proof = tc3Proof(made.secretId, made.secretKey);
    await bridge.operator.call("freeze", { kind: "account", id: ACCOUNT, reason: "test" });
    await expect(lease(proof)).rejects.toEqual(code("frozen"));
    await expect(verify(proof)).rejects.toEqual(code("frozen"));
    // Who only knows the SecretId hears nothing of the freeze.
    const stranger = tc3Proof(made.secretId, "wrong");
    await expect(lease(stranger)).rejects.toEqual(code("bad-signature"));
    expect(await verify(stranger)).toBe(false);
    await expect(bridge.controlPlane.call("createCredential", { principal: user })).rejects.toEqual(
      code("frozen"),
    );
    await bridge.operator.call("unfreeze", { kind: "account", id: ACCOUNT });
  });

  it("leases root's kSigning only where the setting says so", async () => {
    const rootKey = await bridge.operator.call("createCredential", { principal: root });
    const proof = tc3Proof(rootKey.secretId, rootKey.secretKey);
    const changes = { principal: root, sealed: rootKey.sealed };
    expect((await lease(proof, changes)).grant.sealed).toBeNull();
    await bridge.stop();
    Object.assign(bridge.settings, { leaseRootCredentials: true });
    await bridge.start();
    expect((await lease(proof, changes)).grant.sealed).not.toBeNull();
  });

  it("has no SecretKey in its output or in its registry's bytes", async () => {
    expect(bridge.output.join("")).not.toContain(made.secretKey);
    for (const file of ["registry.sqlite", "registry.sqlite-wal"]) {
      const bytes = await readFile(`${bridge.home}/bridge/${file}`).catch(() => Buffer.alloc(0));
      expect(bytes.includes(made.secretKey)).toBe(false);
      expect(bytes.includes(Buffer.from(made.secretKey).toString("base64"))).toBe(false);
    }
  });
});
