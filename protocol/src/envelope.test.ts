import { describe, expect, test } from "vitest";
import { base64Decode, base64Encode, hexEncode, uuidEncode } from "./bytes.ts";
import {
  decodeEnvelope,
  type EnvelopeHeader,
  encodeEnvelope,
  encodeEnvelopeHeader,
  envelopeAssociatedData,
} from "./envelope.ts";
import { seeded } from "./testing/seeded.ts";

const random = seeded(41);
const example: EnvelopeHeader = {
  suite: 1,
  keyId: "23e80852-1e38-11e9-b129-5cb9019b4b01",
  versionId: 0x01020304,
  branchId: "a0a1a2a3a4a5a6a7",
  nonce: Uint8Array.from({ length: 24 }, (_, i) => 0xc0 + i),
};
const exampleHeader =
  "4b" +
  "01" +
  "01" +
  "23e808521e3811e9b1295cb9019b4b01" +
  "01020304" +
  "a0a1a2a3a4a5a6a7" +
  "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7";

function envelope(header: EnvelopeHeader, plaintextBytes: number) {
  const headerBytes = encodeEnvelopeHeader(header);
  const commitment = random.bytes(32);
  const ciphertextAndTag = random.bytes(plaintextBytes + 16);
  const text = encodeEnvelope(headerBytes, commitment, ciphertextAndTag);
  return { headerBytes, commitment, ciphertextAndTag, text };
}

describe("the envelope", () => {
  test("has the header that the design draws", () => {
    expect(hexEncode(encodeEnvelopeHeader(example))).toBe(exampleHeader);
  });

  test("comes back whole for every suite and length", () => {
    for (let i = 0; i < 200; i++) {
      const header: EnvelopeHeader = {
        suite: random.pick([1, 2]),
        keyId: uuidEncode(random.bytes(16)),
        versionId: random.pick([0, 1, 0x7fffffff, 0xffffffff]),
        branchId: hexEncode(random.bytes(8)),
        nonce: random.bytes(24),
      };
      const { headerBytes, commitment, ciphertextAndTag, text } = envelope(
        header,
        random.pick([0, 1, 2, 3, 31, 1024, 4095, 4096]),
      );
      const decoded = decodeEnvelope(text);
      expect(decoded).toMatchObject({ ...header, nonce: expect.anything() });
      expect(decoded?.nonce).toEqual(header.nonce);
      expect(decoded?.header).toEqual(headerBytes);
      expect(decoded?.commitment).toEqual(commitment);
      expect(decoded?.ciphertextAndTag).toEqual(ciphertextAndTag);
    }
  });

  test("authenticates header and context", () => {
    const { headerBytes } = envelope(example, 1);
    expect(hexEncode(envelopeAssociatedData(headerBytes, Uint8Array.of(0, 0)))).toBe(
      `${exampleHeader}0000`,
    );
  });
});

describe("the decoder", () => {
  const { text } = envelope(example, 6); // 109 bytes: base64 with padding
  const bytes = base64Decode(text) as Uint8Array;

  test("shows every changed bit in exactly the part it belongs to, or refuses", () => {
    const original = decodeEnvelope(text);
    const parts = (of: ReturnType<typeof decodeEnvelope>) =>
      of && {
        suite: of.suite,
        keyId: of.keyId,
        versionId: of.versionId,
        branchId: of.branchId,
        nonce: hexEncode(of.nonce),
        commitment: hexEncode(of.commitment),
        ciphertextAndTag: hexEncode(of.ciphertextAndTag),
      };
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      const decoded = decodeEnvelope(base64Encode(changed));
      if (bit < 16) expect(decoded).toBeNull();
      if (decoded === null) {
        expect(bit).toBeLessThan(24);
        continue;
      }
      const before = Object.entries(parts(original) ?? {});
      const after = parts(decoded) as Record<string, unknown>;
      expect(before.filter(([name, value]) => after[name] !== value)).toHaveLength(1);
    }
  });

  test("refuses every truncation and extension that is no envelope", () => {
    for (let length = 0; length < 55 + 32 + 16; length++) {
      expect(decodeEnvelope(base64Encode(bytes.subarray(0, length)))).toBeNull();
    }
    const longest = new Uint8Array(55 + 32 + 16 + 4096 + 1);
    longest.set(bytes);
    expect(decodeEnvelope(base64Encode(longest.subarray(0, -1)))).not.toBeNull();
    expect(decodeEnvelope(base64Encode(longest))).toBeNull();
    expect(decodeEnvelope("A".repeat(10_000_000))).toBeNull();
  });

  test("takes the canonical base64 only", () => {
    for (const other of [
      `${text}\n`,
      ` ${text}`,
      text.replaceAll("=", ""),
      `${text}====`,
      text.replaceAll("+", "-").replaceAll("/", "_").replace(/.$/, "-"),
      `${text.slice(0, 4)}    ${text.slice(4)}`,
      "",
      "not base64",
      "aGVsbG8=",
    ]) {
      expect(decodeEnvelope(other)).toBeNull();
    }
  });

  test("survives random texts and random bytes", () => {
    for (let i = 0; i < 5000; i++) {
      const noise = random.bytes(90 + random.below(60));
      if (random.below(2) === 0) noise.set([0x4b, 1, 1 + random.below(3)]);
      const decoded = decodeEnvelope(base64Encode(noise));
      if (decoded === null) continue;
      const again = encodeEnvelope(
        encodeEnvelopeHeader(decoded),
        decoded.commitment,
        decoded.ciphertextAndTag,
      );
      expect(again).toBe(base64Encode(noise));
    }
  });
});

describe("the encoder refuses", () => {
  test.each([
    { suite: 3 },
    { suite: 0 },
    { keyId: example.keyId.toUpperCase() },
    { keyId: "x" },
    { versionId: -1 },
    { versionId: 2 ** 32 },
    { versionId: 0.5 },
    { branchId: "a0" },
    { branchId: "A0A1A2A3A4A5A6A7" },
    { nonce: new Uint8Array(12) },
  ])("the header %j", (change) => {
    expect(() => encodeEnvelopeHeader({ ...example, ...change } as EnvelopeHeader)).toThrow(
      RangeError,
    );
  });

  test("parts of another length", () => {
    const header = encodeEnvelopeHeader(example);
    const make = (a: number, b: number, c: number) => () =>
      encodeEnvelope(header.subarray(0, a), new Uint8Array(b), new Uint8Array(c));
    expect(make(54, 32, 16)).toThrow(RangeError);
    expect(make(55, 31, 16)).toThrow(RangeError);
    expect(make(55, 32, 15)).toThrow(RangeError);
    expect(make(55, 32, 4113)).toThrow(RangeError);
    expect(make(55, 32, 16)).not.toThrow();
  });
});
