import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { utf8Encode } from "../bytes.ts";
import { bridgeApi, bridgeErrors } from "./bridge.ts";
import { compareEpochs } from "./fields.ts";
import { leaseRequest } from "./lease.ts";
import { preAuthenticationEncoding, signedMessageTypes } from "./signed-message.ts";

describe("signed messages", () => {
  it("are signed as DSSE v1 lays out", () => {
    const bytes = preAuthenticationEncoding("edge-kms/connect/1", utf8Encode("{}"));
    expect(new TextDecoder().decode(bytes)).toBe("DSSEv1 18 edge-kms/connect/1 2 {}");
  });

  it("give no two kinds the same signed bytes for one payload", () => {
    const payload = utf8Encode('{"a":1}');
    const all = Object.values(signedMessageTypes).map((type) =>
      new TextDecoder().decode(preAuthenticationEncoding(type, payload)),
    );
    expect(new Set(all).size).toBe(all.length);
  });
});

describe("wire shapes", () => {
  const request = {
    edge: "local",
    instance: "00".repeat(16),
    nonce: "11".repeat(16),
    timeMs: 1,
    hpkePublicKey: `${"A".repeat(43)}=`,
    auditHead: { seq: 0, hash: "0".repeat(64) },
    keys: [
      {
        purpose: "encrypt",
        account: "100000000001",
        region: "ap-singapore",
        keyId: "23e80852-1e38-11e9-b129-5cb9019b4b01",
      },
    ],
  };

  it("accept a lease request and refuse unknown fields, no keys, and more than twenty", () => {
    const ok = (value: unknown) => v.safeParse(leaseRequest, value).success;
    expect(ok(request)).toBe(true);
    expect(ok({ ...request, more: 1 })).toBe(false);
    expect(ok({ ...request, keys: [] })).toBe(false);
    expect(ok({ ...request, keys: Array(21).fill(request.keys[0]) })).toBe(false);
    expect(ok({ ...request, edge: "../etc" })).toBe(false);
  });

  it("compare epochs by generation first", () => {
    const at = (generation: number, counter: number) => ({ generation, counter });
    expect(compareEpochs(at(1, 9), at(2, 0))).toBeLessThan(0);
    expect(compareEpochs(at(2, 1), at(2, 0))).toBeGreaterThan(0);
    expect(compareEpochs(at(2, 1), at(2, 1))).toBe(0);
  });

  it("have one path per bridge call and an error status per code", () => {
    const paths = Object.values(bridgeApi).map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const { status } of Object.values(bridgeErrors))
      expect(status).toBeGreaterThanOrEqual(400);
  });
});
