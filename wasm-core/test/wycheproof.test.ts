// Project Wycheproof: what implementations got wrong before. The invalid cases are the point.

import { describe, expect, test } from "vitest";
import { BUILDS, coreOf, hex, toHex, vectors } from "./support/builds.ts";

interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly result: "valid" | "invalid" | "acceptable";
  readonly flags: readonly string[];
}

interface AeadCase extends Case {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

interface MacCase extends Case {
  readonly key: string;
  readonly msg: string;
  readonly tag: string;
}

interface HkdfCase extends Case {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

function cases<T extends Case>(name: string): T[] {
  const file = vectors<{ numberOfTests: number; testGroups: { tests: T[] }[] }>(
    `wycheproof/${name}_test`,
  );
  const all = file.testGroups.flatMap(({ tests }) => tests);
  expect(all.length).toBe(file.numberOfTests);
  return all;
}

describe.each(BUILDS)("Wycheproof, %s build", (build) => {
  const core = coreOf(build);

  test("AES-GCM: valid messages open and are made again, invalid ones do not open", () => {
    for (const one of cases<AeadCase>("aes_gcm")) {
      const what = `case ${one.tcId}: ${one.comment}`;
      const key = core.gcmKey("AES", hex(one.key));
      const [nonce, aad, plaintext] = [hex(one.iv), hex(one.aad), hex(one.msg)];
      const sealed = hex(one.ct + one.tag);
      if (nonce.length === 0) {
        expect(() => key.encrypt(nonce, aad, plaintext), what).toThrow(RangeError);
        expect(() => key.decrypt(nonce, aad, sealed), what).toThrow(RangeError);
      } else if (one.result === "invalid") {
        expect(key.decrypt(nonce, aad, sealed), what).toBeNull();
        const stream = key.decryptStream(nonce, aad);
        stream.update(hex(one.ct));
        expect(stream.final(hex(one.tag)), what).toBeNull();
      } else {
        // "acceptable" marks nonces below 96 bits: SP 800-38D takes them, and so does a GCM key.
        expect(toHex(key.encrypt(nonce, aad, plaintext)), what).toBe(one.ct + one.tag);
        expect(key.decrypt(nonce, aad, sealed), what).toEqual(plaintext);
      }
      key.release();
    }
  });

  test("AES-CMAC: valid tags are made again, invalid tags and key lengths are not", () => {
    for (const one of cases<MacCase>("aes_cmac")) {
      const what = `case ${one.tcId}: ${one.comment}`;
      const bytes = hex(one.key);
      if (![16, 24, 32].includes(bytes.length)) {
        expect(() => core.blockKey("AES", bytes), what).toThrow(RangeError);
        continue;
      }
      const key = core.blockKey("AES", bytes);
      const isEqual = core.timingSafeEqual(key.cmac(hex(one.msg)), hex(one.tag));
      expect(isEqual, what).toBe(one.result === "valid");
      key.release();
    }
  });

  test("HMAC-SHA256: valid tags are made again, also shortened; invalid ones do not verify", () => {
    for (const one of cases<MacCase>("hmac_sha256")) {
      const what = `case ${one.tcId}: ${one.comment}`;
      const key = core.hmacKey(hex(one.key));
      const [message, tag] = [hex(one.msg), hex(one.tag)];
      const made = key.sign(message).subarray(0, tag.length);
      expect(core.timingSafeEqual(made, tag), what).toBe(one.result === "valid");
      // `verify` takes whole tags alone.
      expect(key.verify(message, tag), what).toBe(one.result === "valid" && tag.length === 32);
      key.release();
    }
  });

  test("HKDF-SHA256: valid outputs are made again, too long ones refused", () => {
    for (const one of cases<HkdfCase>("hkdf_sha256")) {
      const what = `case ${one.tcId}: ${one.comment}`;
      const make = () => core.hkdfSha256(hex(one.ikm), hex(one.salt), hex(one.info), one.size);
      if (one.result === "invalid") expect(make, what).toThrow(RangeError);
      else expect(toHex(make()), what).toBe(one.okm);
    }
  });
});
