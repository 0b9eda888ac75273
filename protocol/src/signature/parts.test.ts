import { describe, expect, test } from "vitest";
import {
  headersOf,
  hostCandidates,
  isSecretId,
  isTimely,
  parseTimestamp,
  utcDate,
} from "./parts.ts";

const hostsOf = (host: string | undefined) => hostCandidates(headersOf({ Host: host }));

describe("host candidates", () => {
  test.each([
    ["kms.example.test", ["kms.example.test"]],
    ["kms.example.test:8080", ["kms.example.test:8080", "kms.example.test"]],
    ["127.0.0.1:80", ["127.0.0.1:80", "127.0.0.1"]],
    ["[::1]:8080", ["[::1]:8080", "[::1]"]],
    ["[::1]", ["[::1]"]],
    ["http://127.0.0.1:8080", ["http://127.0.0.1:8080", "http://127.0.0.1"]],
    ["Host.Example", ["Host.Example"]],
    [":8080", [":8080"]],
  ])("of %j", (host, expected) => {
    expect(hostsOf(host)).toEqual({ ok: true, value: expected });
  });

  test.each([
    undefined,
    "",
    " ",
    "a b",
    "a\nhost:b",
    "a?b",
    "a&b=c",
    "a,b",
    "a@b",
    "ä",
    "x".repeat(513),
  ])("refuses %j", (host) => {
    expect(hostsOf(host)).toMatchObject({ ok: false, error: { code: "InvalidRequest" } });
  });
});

test("a timestamp has one spelling", () => {
  expect(parseTimestamp("1700000000")).toBe(1700000000);
  for (const text of ["", "0", "01", "+1", "-1", "1.0", "1e9", " 1", "1\n", "99999999999", "１"]) {
    expect(parseTimestamp(text)).toBeNull();
  }
});

test("a timestamp may be 300 s from now, either way, and no more", () => {
  expect(isTimely(1000, 1300)).toBe(true);
  expect(isTimely(1300, 1000)).toBe(true);
  expect(isTimely(1000, 1301)).toBe(false);
  expect(isTimely(1301, 1000)).toBe(false);
});

test("dates are those of UTC", () => {
  expect(utcDate(1700000000)).toBe("2023-11-14");
  expect(utcDate(1709164799)).toBe("2024-02-28");
  expect(utcDate(1709164800)).toBe("2024-02-29");
});

test("SecretIds are words", () => {
  expect(isSecretId("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE")).toBe(true);
  for (const text of ["", "a b", "a/b", "a\n", "é", "a".repeat(129)])
    expect(isSecretId(text)).toBe(false);
});

test("header names are found in any case, repeated ones joined", () => {
  const headers = headersOf({ "X-TC-Action": "Encrypt", accept: ["a", "b"], gone: undefined });
  expect(headers.get("x-tc-action")).toBe("Encrypt");
  expect(headers.get("ACCEPT")).toBe("a, b");
  expect(headers.get("gone")).toBeNull();
});
