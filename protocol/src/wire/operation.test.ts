import * as v from "valibot";
import { expect, test } from "vitest";
import { decodeOperands, encodeOperands, operation } from "./operation.ts";

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

test("operands come apart as they were put together, also when either is empty", () => {
  for (const [context, text] of [
    [bytes(2, 0), bytes(0, 0)],
    [bytes(0, 0), bytes(4096, 7)],
    [bytes(0xffff, 1), bytes(4199, 2)],
  ] as const) {
    expect(decodeOperands(encodeOperands({ context, text }))).toEqual({ context, text });
  }
});

test("what is no operands is refused by length, never read beyond", () => {
  expect(() => encodeOperands({ context: bytes(0x10000, 0), text: bytes(0, 0) })).toThrow(
    RangeError,
  );
  expect(() => encodeOperands({ context: bytes(2, 0), text: bytes(4200, 0) })).toThrow(RangeError);
  for (const wrong of [
    bytes(0, 0),
    bytes(3, 0),
    Uint8Array.of(0, 0, 0, 1),
    Uint8Array.of(255, 255, 255, 255, 0),
    Uint8Array.of(0, 1, 0, 0, ...bytes(0x10000, 0)),
    bytes(4 + 4200, 0),
  ]) {
    expect(decodeOperands(wrong)).toBeNull();
  }
});

test("an operation names all of its key, and nothing else", () => {
  const place = {
    account: "1",
    region: "ap-singapore",
    keyId: "00000000-0000-4000-8000-000000000001",
  };
  const branch = { version: 1, branch: "00".repeat(8), suite: 1 };
  expect(v.is(operation, { purpose: "encrypt", ...place })).toBe(true);
  expect(v.is(operation, { purpose: "decrypt", ...place, ...branch })).toBe(true);
  expect(v.is(operation, { purpose: "encrypt", ...place, ...branch })).toBe(false);
  expect(v.is(operation, { purpose: "decrypt", ...place })).toBe(false);
  expect(v.is(operation, { purpose: "export", ...place })).toBe(false);
});
