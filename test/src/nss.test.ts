/**
 * The whole system on NSS's softoken, a PKCS#11 module that shares nothing with SoftHSM: other code, other format on disk, other return
 * values. What it must do is the same.
 */

import {
  constants,
  createHash,
  createPublicKey,
  publicEncrypt,
  randomBytes,
  verify,
} from "node:crypto";
import { NSS_MODULE } from "@edge-kms/hsm-bridge/testing/modules";
import { decodeEnvelope } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, expectCode, type Kms, newAlias } from "./support/client.ts";
import { discard, type System, startSystem, temporaryHome, testStore } from "./support/system.ts";

const Plaintext = base64("kept in a token of NSS");

describe.skipIf(testStore === "software" || NSS_MODULE === null)("on NSS softoken", () => {
  const home = temporaryHome();
  let system: System;
  let kms: Kms;
  const start = async () => {
    system = await startSystem({ home, store: "nss" });
    kms = createClient(system);
  };
  beforeAll(start, 60_000);
  afterAll(() => discard(system), 60_000);

  const decrypt = async (CiphertextBlob: string | undefined) =>
    (await kms.Decrypt({ CiphertextBlob: CiphertextBlob ?? "" })).Plaintext;
  const publicKeyOf = async (KeyId: string) => {
    const { PublicKey = "" } = await kms.GetPublicKey({ KeyId });
    return createPublicKey({ key: Buffer.from(PublicKey, "base64"), format: "der", type: "spki" });
  };
  const pairOf = async (KeyUsage: string) =>
    (await kms.CreateKey({ Alias: newAlias(), KeyUsage })).KeyId ?? "";

  it("does everything there is to do with a key, and does it again after a restart", async () => {
    const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
    const { CiphertextBlob: first } = await kms.Encrypt({ KeyId, Plaintext });
    expect(await decrypt(first)).toBe(Plaintext);

    await kms.EnableKeyRotation({ KeyId, RotateDays: 30 });
    await kms.RotateKey({ KeyId });
    const versionInUse = async () => {
      const answer = await kms.Encrypt({ KeyId, Plaintext });
      expect(await decrypt(answer.CiphertextBlob)).toBe(Plaintext);
      return decodeEnvelope(answer.CiphertextBlob ?? "")?.versionId;
    };
    await expect.poll(versionInUse, { timeout: 10_000 }).toBe(2);
    const dataKey = await kms.GenerateDataKey({ KeyId, KeySpec: "AES_256" });
    expect(await decrypt(dataKey.CiphertextBlob)).toBe(dataKey.Plaintext);

    const signer = await pairOf("ASYMMETRIC_SIGN_VERIFY_ECC");
    const message = randomBytes(64);
    const sign = async () => {
      const { Signature = "" } = await kms.SignByAsymmetricKey({
        KeyId: signer,
        Algorithm: "ECC_P256_R1",
        MessageType: "DIGEST",
        Message: base64(createHash("sha256").update(message).digest()),
      });
      return verify("sha256", message, await publicKeyOf(signer), Buffer.from(Signature, "base64"));
    };
    expect(await sign()).toBe(true);

    await system.stop();
    await start();
    expect(await decrypt(first)).toBe(Plaintext);
    expect(await decrypt(dataKey.CiphertextBlob)).toBe(dataKey.Plaintext);
    expect(await sign()).toBe(true);
  }, 60_000);

  it("survives kill -9 of the bridge", async () => {
    const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
    const { CiphertextBlob } = await kms.Encrypt({ KeyId, Plaintext });
    await system.killAndWait("bridge", "SIGKILL");
    expect(await decrypt(CiphertextBlob)).toBe(Plaintext);
    await expect.poll(() => kms.CreateKey({ Alias: newAlias() }), { timeout: 10_000 }).toBeTruthy();
  }, 60_000);

  it.each(["ap-singapore", "ap-guangzhou"])("takes in key material: %s", async (region) => {
    const regional = createClient(system, { region });
    const { KeyId = "" } = await regional.CreateKey({ Alias: newAlias(), Type: 2 });
    const { PublicKey = "", ImportToken = "" } = await regional.GetParametersForImport({
      KeyId,
      WrappingAlgorithm: "RSAES_OAEP_SHA_256",
      WrappingKeySpec: "RSA_2048",
    });
    const key = createPublicKey({
      key: Buffer.from(PublicKey, "base64"),
      format: "der",
      type: "spki",
    });
    const material = randomBytes(region === "ap-singapore" ? 32 : 16);
    const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
    const EncryptedKeyMaterial = base64(publicEncrypt(options, material));
    await regional.ImportKeyMaterial({ KeyId, EncryptedKeyMaterial, ImportToken });
    const { CiphertextBlob = "" } = await regional.Encrypt({ KeyId, Plaintext });
    expect((await regional.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
  });

  it("decrypts under RSA keys, and refuses what is no ciphertext, also above the modulus", async () => {
    const KeyId = await pairOf("ASYMMETRIC_DECRYPT_RSA_2048");
    const key = await publicKeyOf(KeyId);
    const open = (ciphertext: Buffer, Algorithm: string) =>
      kms.AsymmetricRsaDecrypt({ KeyId, Algorithm, Ciphertext: base64(ciphertext) });
    const padding = constants.RSA_PKCS1_PADDING;
    const secret = base64(randomBytes(32));
    const ciphertext = publicEncrypt({ key, padding }, Buffer.from(secret, "base64"));
    expect((await open(ciphertext, "RSAES_PKCS1_V1_5")).Plaintext).toBe(secret);
    for (const algorithm of ["RSAES_PKCS1_V1_5", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]) {
      for (const byte of [0, 0x55, 0xff]) {
        await expectCode(open(Buffer.alloc(256, byte), algorithm), "FailedOperation.DecryptError");
      }
    }
  });
});
