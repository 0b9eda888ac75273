import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { DerReader, derPositive, tags } from "../public-keys/der.ts";
import { parseReplyKey } from "./public-key.ts";

const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const spki = publicKey.export({ type: "spki", format: "der" });
const pem = (der: Uint8Array, label = "PUBLIC KEY"): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----`;

test("an RSA-2048 key is read, in lines of any length", () => {
  const parsed = parseReplyKey(String(publicKey.export({ type: "spki", format: "pem" })));
  const { n } = publicKey.export({ format: "jwk" });
  expect(parsed?.kind).toBe("rsa");
  if (parsed?.kind !== "rsa") return;
  expect(Buffer.from(parsed.modulus).toString("base64url")).toBe(n);
  expect([...parsed.exponent]).toEqual([1, 0, 1]);
  expect(parseReplyKey(pem(spki))?.kind).toBe("rsa");
  expect(parseReplyKey(pem(spki).replaceAll("\n", "\r\n"))?.kind).toBe("rsa");
});

test("keys of other sizes, curves and forms are none", () => {
  const others = [
    generateKeyPairSync("rsa", { modulusLength: 3072 }).publicKey,
    generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey,
    generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey,
    generateKeyPairSync("ed25519").publicKey,
  ];
  for (const other of others) {
    expect(parseReplyKey(String(other.export({ type: "spki", format: "pem" })))).toBe(null);
  }
  for (const text of [
    "",
    pem(spki, "RSA PUBLIC KEY"),
    pem(spki.subarray(1)),
    pem(Buffer.concat([spki, Buffer.of(0)])),
    `${pem(spki)}${pem(spki)}`,
    spki.toString("base64"),
  ]) {
    expect(parseReplyKey(text)).toBe(null);
  }
});

test("no altered octet makes the parser throw", () => {
  for (let at = 0; at < spki.length; at++) {
    for (const change of [1, 0x80, 0xff]) {
      const altered = Buffer.from(spki);
      altered[at] = (altered[at] as number) ^ change;
      parseReplyKey(pem(altered));
    }
  }
});

test("DER integers and lengths have one form only", () => {
  const integer = (...bytes: number[]) => new DerReader(Uint8Array.from(bytes)).readPositive();
  expect(integer(2, 1, 5)).toEqual(Uint8Array.of(5));
  expect(integer(2, 2, 0, 0x80)).toEqual(Uint8Array.of(0x80));
  expect(integer(2, 2, 0, 5)).toBe(null);
  expect(integer(2, 1, 0x80)).toBe(null);
  expect(integer(2, 1, 0)).toBe(null);
  expect(integer(2, 0)).toBe(null);
  expect(new DerReader(Uint8Array.of(4, 0x81, 1, 0)).read(tags.octetString)).toBe(null);
  expect(new DerReader(Uint8Array.of(4, 0x80)).read(tags.octetString)).toBe(null);
  expect(new DerReader(Uint8Array.of(4, 2, 0)).read(tags.octetString)).toBe(null);
  expect(derPositive(Uint8Array.of(0, 0, 0x80))).toEqual(Uint8Array.of(2, 2, 0, 0x80));
  expect(derPositive(Uint8Array.of(0, 0))).toEqual(Uint8Array.of(2, 1, 0));
});
