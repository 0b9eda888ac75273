import { describe, expect, test } from "vitest";
import { hexEncode, utf8Encode } from "./bytes.ts";
import { canonicalEncryptionContext, encodeEncryptionContext } from "./encryption-context.ts";
import { unwrap } from "./errors.ts";
import { seeded } from "./testing/seeded.ts";

const hex = (text: string | undefined) => hexEncode(unwrap(canonicalEncryptionContext(text)));
const isRefused = (text: string) => {
  const result = canonicalEncryptionContext(text);
  return !result.ok && result.error.code === "InvalidParameter";
};

describe("the canonical form", () => {
  test("absent, empty and {} have no pairs", () => {
    for (const text of [undefined, "", "{}", " {\n\t} \r"]) expect(hex(text)).toBe("0000");
  });

  test("is count, then length and bytes of names and values", () => {
    expect(hex('{"a":"b"}')).toBe("0001" + "000161" + "000162");
    expect(hex('{"":""}')).toBe("0001" + "0000" + "0000");
    expect(hex('{"密":"é"}')).toBe("0001" + "0003e5af86" + "0002c3a9");
  });

  test("does not depend on order, white space or escapes", () => {
    const expected = hex('{"a":"1","b":"/"}');
    expect(hex('{"b":"/","a":"1"}')).toBe(expected);
    expect(hex(' { "b" : "\\/" , "\\u0061" : "\\u0031" } ')).toBe(expected);
  });

  test("orders names by their UTF-8 bytes, not by UTF-16 units", () => {
    // U+FF5E is EF BD 9E, U+10000 is F0 90 80 80; as UTF-16 units D800 comes before FF5E.
    expect(hex('{"\u{10000}":"","\uff5e":""}')).toBe(
      "0002" + "0003efbd9e" + "0000" + "0004f0908080" + "0000",
    );
    expect(hex('{"ab":"","a":""}')).toBe("0002" + "000161" + "0000" + "00026162" + "0000");
  });

  test("keeps pairs apart that join to the same text", () => {
    expect(hex('{"a":"bc"}')).not.toBe(hex('{"ab":"c"}'));
  });

  test("knows every escape of JSON", () => {
    const text = '{"e":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\uDD10"}';
    expect(hex(text)).toBe(hexEncode(encodeEncryptionContext([["e", '"\\/\b\f\n\r\té🔐']])));
    expect(JSON.parse(text).e).toBe('"\\/\b\f\n\r\té🔐');
  });

  test("takes 1024 characters and not 1025", () => {
    const text = (length: number) => `{"a":"${"x".repeat(length - 8)}"}`;
    expect(text(1024)).toHaveLength(1024);
    expect(canonicalEncryptionContext(text(1024)).ok).toBe(true);
    expect(isRefused(text(1025))).toBe(true);
  });
});

test.each([
  " ",
  "null",
  "[]",
  '"a"',
  "{",
  "}",
  "{}}",
  "{}{}",
  "{} x",
  "{,}",
  '{"a"}',
  '{"a":}',
  '{"a":"b",}',
  '{"a":"b" "c":"d"}',
  '{"a":"b";"c":"d"}',
  "{a:'b'}",
  "{'a':'b'}",
  '{"a":1}',
  '{"a":null}',
  '{"a":true}',
  '{"a":{}}',
  '{"a":["b"]}',
  '{"a":"b","a":"b"}',
  '{"a":"b","\\u0061":"c"}',
  '{"__proto__":"b","__proto__":"b"}',
  '{"é":"1","\\u00e9":"1"}',
  '{"a":"\\ud800"}',
  '{"\\udc00":"a"}',
  '{"a":"\ud800"}',
  '{"a":"\\udd10\\ud83d"}',
  '{"a":"b\n"}',
  '{"a":"\u0000"}',
  '{"a":"\\x41"}',
  '{"a":"\\u12"}',
  '{"a":"\\u12g4"}',
  '{"a":"\\',
  '{"a":"\\"}',
  '{"a":"b',
  "\ufeff{}",
  "\u00a0{}",
  "\v{}",
])("refuses %j", (text) => {
  expect(isRefused(text)).toBe(true);
});

test("names from prototypes are names as any other", () => {
  const pairs: [string, string][] = [
    ["__proto__", "1"],
    ["constructor", "2"],
    ["toString", "3"],
  ];
  const text = `{${pairs.map(([name, value]) => `"${name}":"${value}"`).join(",")}}`;
  expect(hex(text)).toBe(hexEncode(encodeEncryptionContext(pairs)));
});

test("agrees with JSON.parse wherever that sees string pairs without repetition", () => {
  const random = seeded(31);
  const pieces = [
    '"',
    "\\",
    "{",
    "}",
    ":",
    ",",
    " ",
    "a",
    "b",
    '"a"',
    '"b"',
    "\\n",
    "\\u0061",
    "é",
    "🔐",
    "1",
  ];
  let accepted = 0;
  for (let i = 0; i < 30000; i++) {
    let text = "{";
    for (let n = random.below(14); n > 0; n--) text += random.pick(pieces);
    if (random.below(2) === 0) text = text.replaceAll("a", '"a":"b"');
    text += "}";
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      expect(isRefused(text)).toBe(true);
      continue;
    }
    const entries = Object.entries(parsed as object);
    if (!entries.every(([, value]) => typeof value === "string")) {
      expect(isRefused(text)).toBe(true);
      continue;
    }
    if (isRefused(text)) continue;
    accepted += 1;
    expect(hex(text)).toBe(hexEncode(encodeEncryptionContext(entries as [string, string][])));
  }
  expect(accepted).toBeGreaterThan(300);
});

test("pairs at hand must have a canonical form", () => {
  expect(() =>
    encodeEncryptionContext([
      ["a", "1"],
      ["a", "2"],
    ]),
  ).toThrow(RangeError);
  expect(() => encodeEncryptionContext([["a", "\ud800"]])).toThrow(RangeError);
  expect(() => encodeEncryptionContext([["a", "x".repeat(65536)]])).toThrow(RangeError);
  expect(encodeEncryptionContext([])).toEqual(Uint8Array.of(0, 0));
  expect(encodeEncryptionContext([["a", "x".repeat(65535)]]).subarray(0, 7)).toEqual(
    Uint8Array.of(0, 1, 0, 1, ...utf8Encode("a"), 0xff, 0xff),
  );
});
