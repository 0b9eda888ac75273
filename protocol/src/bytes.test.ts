import { describe, expect, test } from "vitest";
import {
  base64Decode,
  base64DecodePortable,
  base64Encode,
  base64EncodePortable,
  base64UrlDecode,
  base64UrlEncode,
  compareBytes,
  concatBytes,
  equalBytes,
  hexDecode,
  hexEncode,
  isUuid,
  readU16,
  readU32,
  readU64,
  utf8DecodePortable,
  utf8DecodeStrict,
  utf8Encode,
  utf8EncodePortable,
  utf8Length,
  uuidDecode,
  uuidEncode,
  writeU16,
  writeU32,
  writeU64,
} from "./bytes.ts";
import { seeded } from "./testing/seeded.ts";

const lengths = [0, 1, 2, 3, 4, 5, 15, 16, 17, 255, 4095, 4096, 4097, 20000];

describe("hexadecimal", () => {
  test("agrees with node and comes back", () => {
    const random = seeded(1);
    for (const length of lengths) {
      const bytes = random.bytes(length);
      expect(hexEncode(bytes)).toBe(Buffer.from(bytes).toString("hex"));
      expect(hexDecode(hexEncode(bytes))).toEqual(bytes);
    }
  });

  test.each(["0", "0g", "AB", " 0", "0x", "００", "a\u0130"])("refuses %j", (text) => {
    expect(hexDecode(text)).toBeNull();
  });
});

describe.each([
  ["base64", base64Encode, base64Decode],
  ["base64 without native help", base64EncodePortable, base64DecodePortable],
] as const)("%s", (_name, encode, decode) => {
  test("agrees with node and comes back", () => {
    const random = seeded(2);
    for (const length of lengths) {
      const bytes = random.bytes(length);
      expect(encode(bytes)).toBe(Buffer.from(bytes).toString("base64"));
      expect(decode(encode(bytes))).toEqual(bytes);
    }
  });

  test.each([
    "A",
    "AA",
    "AAA",
    "A===",
    "====",
    "=",
    "AA=A",
    "AAAA=",
    "AAAA====",
    "AA==AAAA",
    "AB==",
    "AAB=",
    "AA-_",
    "AA A",
    " AAA",
    "AAA\n",
    "AAAA\n\n\n\n",
    "AA\n==\n\n\n",
    "    ",
    "AAA\u0100",
    "AAA\u0141",
    "ＡＡＡＡ",
  ])("refuses %j", (text) => {
    expect(decode(text)).toBeNull();
  });

  test("accepts exactly one text per byte string", () => {
    const random = seeded(3);
    const alphabet = [..."ABab01+/=-_ \n"];
    let accepted = 0;
    for (let i = 0; i < 20000; i++) {
      let text = "";
      for (let k = 4 * random.below(3) + (random.below(8) === 0 ? 1 : 0); k > 0; k--) {
        text += random.pick(alphabet);
      }
      const bytes = decode(text);
      if (bytes === null) continue;
      accepted += 1;
      expect(encode(bytes)).toBe(text);
    }
    expect(accepted).toBeGreaterThan(100);
  });
});

describe("base64url", () => {
  test("agrees with node and comes back", () => {
    const random = seeded(4);
    for (const length of lengths) {
      const bytes = random.bytes(length);
      expect(base64UrlEncode(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
      expect(base64UrlDecode(base64UrlEncode(bytes))).toEqual(bytes);
    }
  });

  test.each(["A", "AA==", "AB", "AAB", "AA+/", "AA A", "AAAAA"])("refuses %j", (text) => {
    expect(base64UrlDecode(text)).toBeNull();
  });
});

describe("UTF-8", () => {
  const texts = [
    "",
    "plain",
    "héllo",
    "密钥",
    "a\u0000b",
    "\u07ff\u0800\uffff",
    "🔐𐀀\u{10ffff}",
    "\ufeffx",
  ];

  test.each(texts)("agrees with node on %j", (text) => {
    const expected = new Uint8Array(Buffer.from(text, "utf8"));
    for (const encode of [utf8Encode, utf8EncodePortable]) {
      expect(new Uint8Array(encode(text))).toEqual(expected);
    }
    for (const decode of [utf8DecodeStrict, utf8DecodePortable])
      expect(decode(expected)).toBe(text);
    expect(utf8Length(text)).toBe(expected.length);
  });

  test.each(["\ud800", "a\udc00", "\udc00\ud800", "\ud800x"])(
    "refuses the lone surrogate in %j",
    (text) => {
      expect(() => utf8Encode(text)).toThrow(RangeError);
      expect(utf8Length(text)).toBe(Buffer.byteLength(text, "utf8"));
    },
  );

  test("both decoders agree on every hostile sequence", () => {
    const random = seeded(5);
    const pool = [
      0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
    ];
    pool.push(0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
    let refused = 0;
    for (let i = 0; i < 50000; i++) {
      const bytes = Uint8Array.from({ length: 1 + random.below(6) }, () => random.pick(pool));
      const text = utf8DecodeStrict(bytes);
      expect(utf8DecodePortable(bytes)).toBe(text);
      if (text === null) refused += 1;
      else expect(new Uint8Array(utf8Encode(text))).toEqual(bytes);
    }
    expect(refused).toBeGreaterThan(1000);
  });
});

describe("bytes", () => {
  test("joins, compares and orders", () => {
    const joined = concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3));
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
    expect(equalBytes(joined, Uint8Array.of(1, 2, 3))).toBe(true);
    expect(equalBytes(joined, Uint8Array.of(1, 2, 4))).toBe(false);
    expect(equalBytes(joined, Uint8Array.of(1, 2))).toBe(false);
    expect(compareBytes(Uint8Array.of(1, 2), joined)).toBeLessThan(0);
    expect(compareBytes(Uint8Array.of(1, 255), joined)).toBeGreaterThan(0);
    expect(compareBytes(joined, joined)).toBe(0);
  });

  test("reads and writes big-endian integers", () => {
    const random = seeded(6);
    const view = new DataView(new ArrayBuffer(16));
    const bytes = new Uint8Array(view.buffer);
    for (let i = 0; i < 1000; i++) {
      bytes.set(random.bytes(16));
      const offset = random.below(9);
      expect(readU16(bytes, offset)).toBe(view.getUint16(offset));
      expect(readU32(bytes, offset)).toBe(view.getUint32(offset));
      expect(readU64(bytes, offset)).toBe(view.getBigUint64(offset));
      const copy = new Uint8Array(16);
      writeU16(copy, offset, view.getUint16(offset));
      writeU32(copy, offset, view.getUint32(offset));
      writeU64(copy, offset, view.getBigUint64(offset));
      expect(copy.subarray(offset, offset + 8)).toEqual(bytes.subarray(offset, offset + 8));
    }
  });

  test("refuses integers and places that do not fit", () => {
    const bytes = new Uint8Array(8);
    for (const value of [-1, 65536, 1.5, Number.NaN]) {
      expect(() => writeU16(bytes, 0, value)).toThrow(RangeError);
    }
    expect(() => writeU32(bytes, 0, 2 ** 32)).toThrow(RangeError);
    expect(() => writeU64(bytes, 0, 1n << 64n)).toThrow(RangeError);
    expect(() => writeU64(bytes, 1, 0n)).toThrow(RangeError);
    expect(() => readU16(bytes, 7)).toThrow(RangeError);
    expect(() => readU32(bytes, -1)).toThrow(RangeError);
  });
});

test("a UUID has one text and one byte string", () => {
  const text = "23e80852-1e38-11e9-b129-5cb9019b4b01";
  const bytes = uuidDecode(text) as Uint8Array;
  expect(bytes).toHaveLength(16);
  expect(uuidEncode(bytes)).toBe(text);
  for (const other of [
    text.toUpperCase(),
    text.replaceAll("-", ""),
    `${text}\n`,
    `{${text}}`,
    "",
  ]) {
    expect(isUuid(other)).toBe(false);
    expect(uuidDecode(other)).toBeNull();
  }
  expect(() => uuidEncode(new Uint8Array(15))).toThrow(RangeError);
});
