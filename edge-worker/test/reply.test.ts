/** EncryptionPublicKey: what is encrypted to the caller opens with other implementations. */

import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import { sm2 } from "sm-crypto-v2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { base64, call } from "./support/client.ts";
import { AES, type System, startSystem } from "./support/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.dispose());

const run = (action: string, params: object) =>
  call(system.edge.url, action, params, { account: system.account });

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const rsaPem = String(rsa.publicKey.export({ type: "spki", format: "pem" }));
const sm2Pair = sm2.generateKeyPairHex();
/** RFC 5480 with the curve's OID 1.2.156.10197.1.301. */
const sm2Pem = pem(
  Buffer.from(`3059301306072a8648ce3d020106082a811ccf5501822d034200${sm2Pair.publicKey}`, "hex"),
);

function pem(der: Buffer): string {
  const lines = der
    .toString("base64")
    .match(/.{1,64}/g)
    ?.join("\n");
  return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
}

/** INTEGERs and OCTET STRINGs of a SEQUENCE with one-octet lengths, or 0x81 before them. */
function derParts(der: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  const lengthAt = (at: number): [length: number, next: number] =>
    der[at] === 0x81 ? [der[at + 1] as number, at + 2] : [der[at] as number, at + 1];
  let [, at] = lengthAt(1);
  while (at < der.length) {
    const [length, next] = lengthAt(at + 1);
    parts.push(der.subarray(next, next + length));
    at = next + length;
  }
  return parts;
}

function openSm2Raw(hex: string): Buffer {
  // C1 without 04, then C3, then C2: mode 1 of the other implementation.
  const plain = sm2.doDecrypt(hex, sm2Pair.privateKey, 1, { output: "array" });
  return Buffer.from(plain as unknown as Uint8Array);
}

const openers: Record<string, readonly [pemText: string, open: (sealed: Buffer) => Buffer]> = {
  "": [sm2Pem, (sealed) => openSm2Raw(sealed.toString("hex"))],
  SM2: [sm2Pem, (sealed) => openSm2Raw(sealed.toString("hex"))],
  SM2_C1C3C2_ASN1: [
    sm2Pem,
    (sealed) => {
      const [x, y, c3, c2] = derParts(sealed);
      const coordinate = (part: Buffer | undefined): string =>
        (part ?? Buffer.alloc(0)).toString("hex").padStart(64, "0").slice(-64);
      return openSm2Raw(coordinate(x) + coordinate(y) + c3?.toString("hex") + c2?.toString("hex"));
    },
  ],
  RSAES_PKCS1_V1_5: [
    rsaPem,
    (sealed) =>
      privateDecrypt({ key: rsa.privateKey, padding: constants.RSA_PKCS1_PADDING }, sealed),
  ],
  RSAES_OAEP_SHA_1: [
    rsaPem,
    (sealed) => privateDecrypt({ key: rsa.privateKey, oaepHash: "sha1" }, sealed),
  ],
  RSAES_OAEP_SHA_256: [
    rsaPem,
    (sealed) => privateDecrypt({ key: rsa.privateKey, oaepHash: "sha256" }, sealed),
  ],
};

describe.each(Object.keys(openers))("EncryptionAlgorithm %j", (algorithm) => {
  const [publicKey, open] = openers[algorithm] as (typeof openers)[string];
  const reply = { EncryptionPublicKey: publicKey, EncryptionAlgorithm: algorithm };

  test("a data key arrives encrypted, and is the one in the ciphertext", async () => {
    const { keyId } = system.keys[AES];
    for (const NumberOfBytes of [1, 16, 32, 100]) {
      const made = await run("GenerateDataKey", { KeyId: keyId, NumberOfBytes, ...reply });
      expect(made.code).toBe("");
      const sealed = Buffer.from(String(made.response.Plaintext), "base64");
      if (algorithm === "SM2") expect(sealed).toHaveLength(64 + 32 + NumberOfBytes);
      const plain = await run("Decrypt", { CiphertextBlob: made.response.CiphertextBlob });
      expect(base64(open(sealed))).toBe(plain.response.Plaintext);
      const again = await run("Decrypt", {
        CiphertextBlob: made.response.CiphertextBlob,
        ...reply,
      });
      const resealed = Buffer.from(String(again.response.Plaintext), "base64");
      expect(base64(open(resealed))).toBe(plain.response.Plaintext);
    }
  });
});

test("a public key that is none, or of another kind, is InvalidParameter before any key is used", async () => {
  const { keyId } = system.keys[AES];
  const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  const offCurve = Buffer.from(
    `3059301306072a8648ce3d020106082a811ccf5501822d03420004${"11".repeat(64)}`,
    "hex",
  );
  for (const [EncryptionPublicKey, EncryptionAlgorithm] of [
    ["no pem", "SM2"],
    [rsaPem, "SM2"],
    [sm2Pem, "RSAES_OAEP_SHA_256"],
    [String(small.export({ type: "spki", format: "pem" })), "RSAES_OAEP_SHA_256"],
    [pem(offCurve), "SM2"],
  ] as const) {
    const answer = await run("GenerateDataKey", {
      KeyId: keyId,
      KeySpec: "AES_256",
      EncryptionPublicKey,
      EncryptionAlgorithm,
    });
    expect(answer.code).toBe("InvalidParameter");
  }
  const unknown = { EncryptionPublicKey: rsaPem, EncryptionAlgorithm: "ROT13" };
  const answer = await run("GenerateDataKey", { KeyId: keyId, KeySpec: "AES_256", ...unknown });
  expect(answer.code).toBe("InvalidParameterValue.InvalidType");
});

test("what is too long for RSA is EncryptionError", async () => {
  const { keyId } = system.keys[AES];
  for (const [EncryptionAlgorithm, longest] of [
    ["RSAES_PKCS1_V1_5", 245],
    ["RSAES_OAEP_SHA_1", 214],
    ["RSAES_OAEP_SHA_256", 190],
  ] as const) {
    const make = async (NumberOfBytes: number): Promise<string> =>
      (
        await run("GenerateDataKey", {
          KeyId: keyId,
          NumberOfBytes,
          EncryptionPublicKey: rsaPem,
          EncryptionAlgorithm,
        })
      ).code;
    expect(await make(longest)).toBe("");
    expect(await make(longest + 1)).toBe("FailedOperation.EncryptionError");
  }
});
