/** The door: who gets in, in which role, and what becomes of hostile input. */

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { bridgeApi } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBridgeClient } from "./client.ts";
import { makeAuthority, makeLeaf } from "./pki/certificate.ts";
import { ACCOUNT, REGION, TestBridge } from "./testing/bridge.ts";
import { storeBackends } from "./testing/stores.ts";

const software = storeBackends.filter(({ name }) => name === "software");
const code = (value: string) => expect.objectContaining({ code: value });

describe.each(software)("the bridge's door", (backend) => {
  let bridge: TestBridge;
  let pki: Record<"ca" | "cert" | "key", string>;

  beforeAll(async () => {
    bridge = await TestBridge.start(backend);
    const pem = (file: string) => readFile(`${bridge.home}/pki/${file}`, "utf8");
    pki = {
      ca: await pem("ca.crt"),
      cert: await pem("control-plane.crt"),
      key: await pem("control-plane.key"),
    };
  });
  afterAll(async () => {
    await bridge?.remove();
  });

  interface Raw {
    method?: string;
    path?: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
    tls?: object;
  }
  const raw = (options: Raw): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        new URL(options.path ?? "/v1/status", bridge.running?.url),
        {
          method: options.method ?? "POST",
          agent: false,
          ...pki,
          ...options.tls,
          headers: { "content-type": "application/json", ...options.headers },
        },
        (response) => {
          let body = "";
          response.on("data", (chunk) => {
            body += chunk;
          });
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      outgoing.on("error", reject);
      outgoing.end(options.body ?? "{}");
    });

  it("lets nobody in without a certificate of its own CA, nor with the server's", async () => {
    await expect(raw({ tls: { cert: undefined, key: undefined } })).rejects.toThrow();
    const validity = {
      notBefore: new Date(Date.now() - 1000),
      notAfter: new Date(Date.now() + 100_000),
    };
    const foreign = await makeLeaf({
      commonName: "control-plane",
      use: "client",
      authority: await makeAuthority({ commonName: "edge-kms bridge CA", ...validity }),
      ...validity,
    });
    const tls = { cert: foreign.certificate, key: foreign.privateKey };
    await expect(raw({ tls })).rejects.toThrow();
    const server = await bridge.client("bridge");
    await expect(server.call("status", {})).rejects.toEqual(code("unreachable"));
    server.close();
  });

  it("lets an expired certificate or an unknown role do nothing", async () => {
    const authority = {
      certificate: pki.ca,
      privateKey: await readFile(`${bridge.home}/pki/ca.key`, "utf8"),
    };
    const make = async (commonName: string, notAfter: number) => {
      const leaf = await makeLeaf({
        commonName,
        use: "client",
        authority,
        notBefore: new Date(Date.now() - 100_000),
        notAfter: new Date(notAfter),
      });
      return { cert: leaf.certificate, key: leaf.privateKey };
    };
    const expired = await make("operator", Date.now() - 1000);
    await expect(raw({ tls: expired })).rejects.toThrow();
    const unknown = await raw({ tls: await make("admin", Date.now() + 10_000) });
    expect(unknown.status).toBe(403);
    expect(unknown.body).toContain("not-permitted");
  });

  it("speaks TLS 1.3 and nothing older", async () => {
    await expect(raw({ tls: { maxVersion: "TLSv1.2" } })).rejects.toThrow();
  });

  it("gives every call to exactly the roles of the table", async () => {
    for (const [call, row] of Object.entries(bridgeApi)) {
      for (const role of ["control-plane", "operator"] as const) {
        const client = role === "operator" ? bridge.operator : bridge.controlPlane;
        // An empty request is of no call's form except those without parameters.
        const outcome = await client
          .call(call as "status", { no: "such field" } as never)
          .then(() => "ok")
          .catch((error: { code: string }) => error.code);
        const mayCall = (row.roles as readonly string[]).includes(role);
        expect([call, role, outcome]).toEqual([
          call,
          role,
          mayCall ? "bad-request" : "not-permitted",
        ]);
      }
    }
  });

  it.each<[string, Raw, number, string]>([
    ["an unknown path", { path: "/v1/nothing" }, 404, "not-found"],
    ["a path with a query", { path: "/v1/status?x=1" }, 404, "not-found"],
    ["GET", { method: "GET" }, 400, "bad-request"],
    ["no JSON", { body: "{" }, 400, "bad-request"],
    ["no object", { body: "null" }, 400, "bad-request"],
    ["no UTF-8", { body: Buffer.from([0x22, 0xff, 0x22]) }, 400, "bad-request"],
    ["another content type", { headers: { "content-type": "text/plain" } }, 400, "bad-request"],
    ["an unknown field", { body: '{"__proto__": {"a": 1}}' }, 400, "bad-request"],
    ["a body too long", { body: `"${"x".repeat(70_000)}"` }, 400, "bad-request"],
  ])("answers %s with a code and no echo", async (_what, options, status, expected) => {
    const answer = await raw(options);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: expected } });
    expect(answer.body).not.toContain("xxxx");
  });

  it("names the field of a bad request and never its value", async () => {
    const bad = bridge.controlPlane.call("createKey", {
      account: "not-a-number-S3CRET",
      region: REGION,
      keyId: "x",
      suite: 1,
    });
    await expect(bad).rejects.toThrow(/account/);
    await expect(bad).rejects.not.toThrow(/S3CRET/);
    expect(bridge.output.join("")).not.toContain("S3CRET");
  });

  it("refuses a port in use in one sentence", async () => {
    const other = await TestBridge.start(backend);
    await other.stop();
    Object.assign(other.settings, { port: Number(new URL(bridge.running?.url ?? "").port) });
    await expect(other.start()).rejects.toThrow(/is in use by another program\.$/);
    await other.remove();
  });

  it("answers the calls under way before it closes", async () => {
    const keyIds = Array.from({ length: 20 }, () => randomUUID());
    const made = new Set<string>();
    const calls = keyIds.map((keyId) =>
      bridge.controlPlane
        .call("createKey", { account: ACCOUNT, region: REGION, keyId, suite: 1 })
        .then(() => made.add(keyId)),
    );
    await Promise.race(calls);
    await bridge.running?.close();
    await Promise.allSettled(calls);
    const recorded = bridge.editRegistry((database) =>
      database.prepare("SELECT key_id FROM keys").all(),
    ) as { key_id: string }[];
    // Nobody was left without the answer to what was done.
    expect(recorded.map((row) => row.key_id).sort()).toEqual([...made].sort());
    expect(made.size).toBeGreaterThan(0);
    await bridge.stop();
    await bridge.start();
  });

  it("says unreachable when there is no bridge, and does not hang", async () => {
    const client = createBridgeClient({ url: "https://127.0.0.1:1", ...pki, deadlineMs: 500 });
    await expect(client.call("status", {})).rejects.toMatchObject({
      code: "unreachable",
      mayRetry: true,
    });
    client.close();
  });
});
