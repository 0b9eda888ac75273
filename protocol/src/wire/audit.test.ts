import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { utf8Encode } from "../bytes.ts";
import {
  AUDIT_CHAIN_START,
  type AuditEvent,
  decodeAuditRecord,
  encodeAuditEvent,
  encodeAuditRecord,
  MAX_AUDIT_RECORD_BYTES,
} from "./audit.ts";

const event: AuditEvent = {
  requestId: "9d1a4d5c-0d0b-4f5b-9a05-6c5dcb0f2f60",
  timeMs: 1_700_000_000_000,
  service: "kms",
  apiVersion: "2019-01-18",
  action: "Encrypt",
  region: "ap-singapore",
  account: "100000000001",
  uin: "100000000001",
  principalType: "root",
  secretId: "AKID00000000000000000000000000000000",
  sourceAddress: "",
  userAgent: 'quotes " and \\ and 中文',
  requestClient: "SDK_NODEJS_4.1.313",
  signatureMethod: "TC3-HMAC-SHA256",
  errorCode: "",
  reason: "",
  keyIds: ["23e80852-1e38-11e9-b129-5cb9019b4b01"],
  uses: [
    {
      use: "encrypt",
      keyId: "23e80852-1e38-11e9-b129-5cb9019b4b01",
      version: 1,
      branch: "0011223344556677",
    },
  ],
  store: "software",
};
const place = { edge: "local", instance: "ab".repeat(16), seq: 1, prev: AUDIT_CHAIN_START };
const record = encodeAuditRecord(place, encodeAuditEvent(event));
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("audit record encoding", () => {
  it("comes back as it was written", () => {
    expect(decodeAuditRecord(record)).toEqual({ v: 1, ...place, event });
  });

  it("has room for the keys of the longest batch and for the longest texts beside them", () => {
    const keyIds = Array.from(
      { length: 100 },
      (_, n) => `23e80852-1e38-11e9-b129-5cb9019b${String(n).padStart(4, "0")}`,
    );
    const longest = {
      ...event,
      sourceAddress: "f".repeat(64),
      userAgent: '"'.repeat(256),
      requestClient: '"'.repeat(128),
      keyIds,
    };
    const bytes = encodeAuditRecord(place, encodeAuditEvent(longest));
    expect(bytes.length).toBeLessThan(MAX_AUDIT_RECORD_BYTES);
    expect(decodeAuditRecord(bytes)?.event.keyIds).toEqual(keyIds);
    const tooMany = encodeAuditEvent({ ...event, keyIds: [...keyIds, keyIds[0] as string] });
    expect(decodeAuditRecord(encodeAuditRecord(place, tooMany))).toBeNull();
  });

  it("does not depend on the order in which a caller lists the fields", () => {
    const reversed = Object.fromEntries(Object.entries(event).reverse()) as AuditEvent;
    expect(encodeAuditEvent(reversed)).toBe(encodeAuditEvent(event));
  });

  it("is one text for ever: later versions must read it", () => {
    expect(createHash("sha256").update(record).digest("hex")).toBe(
      "ddf0ee61f3c1bee4e823ef0df03bc79f3a2077545bd48cddf9c17f107ec715d8",
    );
  });

  it("refuses another order, white space, escapes, doubled and unknown fields", () => {
    const text = textOf(record);
    const others = [
      ` ${text}`,
      text.replace('"v":1', '"v": 1'),
      text.replace('{"v":1,"edge":"local"', '{"edge":"local","v":1'),
      text.replace("Encrypt", "\\u0045ncrypt"),
      text.replace('"seq":1', '"seq":2,"seq":1'),
      text.replace('"seq":1', '"seq":1,"extra":0'),
      text.replace('"seq":1', '"seq":1.0'),
      text.replace('"seq":1', '"seq":0'),
      text.slice(0, -1),
      "",
      "null",
    ];
    for (const other of others) expect(decodeAuditRecord(utf8Encode(other))).toBeNull();
  });

  it("refuses every flipped bit or reads another record, never the same", () => {
    for (let i = 0; i < record.length; i++) {
      const flipped = Uint8Array.from(record);
      flipped[i] = (flipped[i] as number) ^ 1;
      expect(decodeAuditRecord(flipped)).not.toEqual({ v: 1, ...place, event });
    }
  });

  it("refuses what is too long to be a record", () => {
    expect(decodeAuditRecord(new Uint8Array(4097).fill(0x20))).toBeNull();
  });
});
