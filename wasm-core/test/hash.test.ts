import { createHash, createHmac, hkdfSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ascii, BUILDS, coreOf, hex, toHex, vectors } from "./support/builds.ts";
import { Random } from "./support/random.ts";

interface MacVector {
  source: string;
  key: string;
  message: string;
  mac: string;
}

interface HkdfVector {
  source: string;
  key: string;
  salt: string;
  info: string;
  length: number;
  output: string;
}

describe.each(BUILDS)("hashes, %s build", (build) => {
  const core = coreOf(build);

  test.each(vectors<{ source: string; hash: string; ascii: string; digest: string }[]>("hash"))(
    "$hash: $source",
    (vector) => {
      const data = ascii(vector.ascii);
      expect(toHex(vector.hash === "SM3" ? core.sm3(data) : core.sha256(data))).toBe(vector.digest);
    },
  );

  test.each(vectors<MacVector[]>("hmac-sha256"))("HMAC-SHA256: $source", (vector) => {
    expect(toHex(core.hmacSha256(hex(vector.key), hex(vector.message)))).toBe(vector.mac);
  });

  test.each(vectors<HkdfVector[]>("hkdf-sha256"))("HKDF-SHA256: $source", (vector) => {
    const output = core.hkdfSha256(
      hex(vector.key),
      hex(vector.salt),
      hex(vector.info),
      vector.length,
    );
    expect(toHex(output)).toBe(vector.output);
  });

  test("agrees with node:crypto at every length up to three blocks, and at long ones", () => {
    const random = new Random("hash");
    const lengths = [...Array(200).keys(), 1000, 65_535, 65_536, 65_537, 200_001];
    for (const length of lengths) {
      const data = random.unaligned(random.bytes(length));
      const key = random.bytes(random.below(200));
      const sha256 = createHash("sha256").update(data).digest("hex");
      expect(toHex(core.sha256(data))).toBe(sha256);
      expect(toHex(core.sm3(data))).toBe(createHash("sm3").update(data).digest("hex"));
      const hmac = createHmac("sha256", key).update(data).digest("hex");
      expect(toHex(core.hmacSha256(key, data))).toBe(hmac);
      const hmacSm3 = createHmac("sm3", key).update(data).digest("hex");
      expect(toHex(core.hmacSm3(key, data))).toBe(hmacSm3);
    }
    const hkdf = Buffer.from(hkdfSync("sha256", ascii("k"), ascii("s"), ascii("i"), 8160));
    expect(toHex(core.hkdfSha256(ascii("k"), ascii("s"), ascii("i"), 8160))).toBe(toHex(hkdf));
  });

  test("a cached HMAC key verifies its own MACs and no others", () => {
    const key = core.hmacKey(ascii("key"));
    const mac = key.sign(ascii("data"));
    expect(key.verify(ascii("data"), mac)).toBe(true);
    expect(key.verify(ascii("Data"), mac)).toBe(false);
    expect(key.verify(ascii("data"), mac.subarray(0, 31))).toBe(false);
    for (let bit = 0; bit < 256; bit++) {
      mac[bit >> 3] = (mac[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(key.verify(ascii("data"), mac)).toBe(false);
      mac[bit >> 3] = (mac[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    }
    key.release();
    expect(() => key.sign(ascii("data"))).toThrow(
      expect.objectContaining({ code: "HandleReleased" }),
    );
  });

  test("timingSafeEqual compares contents of any length", () => {
    for (const length of [0, 1, 31, 40_000, 100_000]) {
      const a = new Uint8Array(length).fill(1);
      const b = a.slice();
      expect(core.timingSafeEqual(a, b)).toBe(true);
      if (length === 0) continue;
      b[length - 1] = 0x81;
      expect(core.timingSafeEqual(a, b)).toBe(false);
      expect(core.timingSafeEqual(a, b.subarray(1))).toBe(false);
    }
  });
});
