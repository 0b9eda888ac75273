/** Verification beside OpenSSL's signatures, and sm-crypto-v2's for SM2. */

import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import type { SignAlgorithm } from "@edge-kms/protocol";
import { loadCore } from "@edge-kms/wasm-core/node";
import { sm2 } from "sm-crypto-v2";
import { expect, test } from "vitest";
import { parsePublicKey } from "./spki.ts";
import { verifySignature } from "./verify.ts";

const core = await loadCore();

const spkiOf = (key: KeyObject) => new Uint8Array(key.export({ type: "spki", format: "der" }));

interface Subject {
  readonly spki: Uint8Array<ArrayBuffer>;
  sign(message: Uint8Array): Uint8Array;
  digest(message: Uint8Array): Uint8Array;
}

function openSsl(
  pair: { publicKey: KeyObject; privateKey: KeyObject },
  hash: string,
  options: object = {},
): Subject {
  return {
    spki: spkiOf(pair.publicKey),
    sign: (message) => sign(hash, message, { key: pair.privateKey, ...options }),
    digest: (message) => createHash(hash).update(message).digest(),
  };
}

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pss = (saltLength: number) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });

function sm2Subject(): Subject {
  const { publicKey, privateKey } = sm2.generateKeyPairHex();
  // GM/T 0006: id-ecPublicKey with the SM2 curve.
  const prefix = "3059301306072a8648ce3d020106082a811ccf5501822d034200";
  const spki = new Uint8Array(Buffer.from(prefix + publicKey, "hex"));
  const options = { der: true, hash: true, publicKey, userId: "1234567812345678" };
  return {
    spki,
    sign: (message) => Buffer.from(sm2.doSignature(message, privateKey, options), "hex"),
    digest: (message) => Buffer.from(sm2.getHash(message, publicKey, "1234567812345678"), "hex"),
  };
}

const subjects: [SignAlgorithm, string, Subject][] = [
  ["RSA_PKCS1_SHA_256", "", openSsl(rsa, "sha256")],
  ["RSA_PSS_SHA_256", "salt of 32 bytes", openSsl(rsa, "sha256", pss(32))],
  ["RSA_PSS_SHA_256", "no salt", openSsl(rsa, "sha256", pss(0))],
  ["RSA_PSS_SHA_256", "the longest salt", openSsl(rsa, "sha256", pss(222))],
  ["ECC_P256_R1", "", openSsl(generateKeyPairSync("ec", { namedCurve: "P-256" }), "sha256")],
  ["ECC_P384_R1", "", openSsl(generateKeyPairSync("ec", { namedCurve: "P-384" }), "sha384")],
  ["SM2DSA", "", sm2Subject()],
];

const verify = (
  algorithm: SignAlgorithm,
  spki: Uint8Array<ArrayBuffer>,
  message: Uint8Array,
  signature: Uint8Array,
  isDigest = false,
) => {
  const key = parsePublicKey(spki);
  if (key === null) throw new Error("no key");
  return verifySignature(core, key, { algorithm, message, isDigest, signature });
};

test.each(subjects)(
  "%s %s: valid signatures are valid, of messages and of digests",
  async (algorithm, _, subject) => {
    for (const length of [0, 1, 31, 200, 4096]) {
      const message = randomBytes(length);
      const signature = subject.sign(message);
      expect(await verify(algorithm, subject.spki, message, signature)).toBe(true);
      const digest = subject.digest(message);
      expect(await verify(algorithm, subject.spki, digest, signature, true)).toBe(true);
      expect(await verify(algorithm, subject.spki, digest, signature)).toBe(false);
    }
  },
);

test.each(subjects)("%s %s: nothing altered is valid", async (algorithm, _, subject) => {
  const message = randomBytes(50);
  const signature = subject.sign(message);
  for (let at = 0; at < signature.length; at += 3) {
    const altered = Uint8Array.from(signature);
    altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8));
    expect(await verify(algorithm, subject.spki, message, altered)).toBe(false);
  }
  for (const other of [
    new Uint8Array(0),
    new Uint8Array(signature.length),
    signature.subarray(1),
    Uint8Array.from([...signature, 0]),
    new Uint8Array(signature.length).fill(0xff),
    Uint8Array.of(0x30, 6, 2, 1, 0, 2, 1, 0),
    Uint8Array.of(0x30, 6, 2, 1, 1, 2, 1, 1),
  ]) {
    expect(await verify(algorithm, subject.spki, message, other)).toBe(false);
  }
  expect(await verify(algorithm, subject.spki, randomBytes(50), signature)).toBe(false);
});

test("an algorithm of other keys is told apart from a wrong signature", async () => {
  for (const [algorithm, , { spki }] of subjects) {
    for (const [other] of subjects) {
      const verdict = await verify(other, spki, new Uint8Array(1), new Uint8Array(64));
      const isSameKind = other === algorithm || (/^RSA/.test(other) && /^RSA/.test(algorithm));
      expect(verdict).toBe(isSameKind ? false : null);
    }
  }
});

test("a point that is not on its curve verifies nothing", async () => {
  for (const [algorithm, , { spki, sign: make }] of subjects.slice(4)) {
    const altered = Uint8Array.from(spki);
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    expect(await verify(algorithm, altered, new Uint8Array(3), make(new Uint8Array(3)))).toBe(
      false,
    );
  }
});

test("the signature of GM/T 0003.5's example is valid", async () => {
  // GB/T 32918.5-2017 annex A.2: message "message digest", id 1234567812345678.
  const point =
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
  const r = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3";
  const s = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";
  const spki = new Uint8Array(
    Buffer.from(`3059301306072a8648ce3d020106082a811ccf5501822d03420004${point}`, "hex"),
  );
  const signature = Buffer.from(`3046022100${r}022100${s}`, "hex");
  const message = Buffer.from("message digest");
  expect(await verify("SM2DSA", spki, message, signature)).toBe(true);
});
