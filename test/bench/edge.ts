/** Encrypt and Decrypt at the edge, signed, over HTTP, beside a worker that only parses and answers JSON. */

import { createHash, createHmac, randomBytes } from "node:crypto";
import { signTc3, utf8Encode } from "@edge-kms/protocol";
import { base64, createClient, newAlias } from "../src/support/client.ts";
import { discard, freePorts, type System, startSystem } from "../src/support/system.ts";
import { startBareWorker } from "./bare-worker.ts";
import { type LoadFigures, load, type PreparedRequest } from "./load.ts";

/** So many different signed requests per row; the load repeats them in turn. */
const DISTINCT = 500;

export type EdgeRow = {
  readonly what: string;
  readonly bytes: number;
  readonly connections: number;
  readonly edge: LoadFigures;
  readonly bare: LoadFigures;
};

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) =>
  new Uint8Array(createHmac("sha256", key).update(bytes).digest());

function prepare(system: System, action: string, params: object): PreparedRequest {
  const { env } = system;
  const { host } = new URL(env.KMS_ENDPOINT ?? "");
  const body = JSON.stringify(params);
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const { authorization } = signTc3(
    {
      secretId: env.TENCENTCLOUD_SECRET_ID ?? "",
      secretKey: env.TENCENTCLOUD_SECRET_KEY ?? "",
      method: "POST",
      host,
      contentType: "application/json",
      body: utf8Encode(body),
      service: "kms",
      timestampSeconds,
    },
    sha256,
    hmacSha256,
  );
  return {
    method: "POST",
    body,
    headers: {
      authorization,
      host,
      "content-type": "application/json",
      "x-tc-action": action,
      "x-tc-version": "2019-01-18",
      "x-tc-timestamp": String(timestampSeconds),
      "x-tc-region": env.TENCENTCLOUD_REGION ?? "",
    },
  };
}

/** Measures every row; `report` hears of each as it is done. Each row and its rival run right after each other. */
export async function benchEdge(
  seconds: number,
  report: (row: EdgeRow) => void,
): Promise<{ store: string; rows: EdgeRow[] }> {
  // One caller makes all the calls here; no rate may be the figure.
  const callRates = { perAccount: 1_000_000, perAccessKey: 1_000_000 };
  const config = { controlPlane: { callRates } };
  const system = await startSystem({ store: "auto", config });
  const bare = await startBareWorker(await freePorts());
  const rows: EdgeRow[] = [];
  try {
    const kms = createClient(system);
    const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
    for (const bytes of [32, 4096]) {
      const plaintexts = Array.from({ length: DISTINCT }, () => base64(randomBytes(bytes)));
      const blobs = await Promise.all(
        plaintexts.map(
          async (Plaintext) => (await kms.Encrypt({ KeyId, Plaintext })).CiphertextBlob,
        ),
      );
      for (const connections of [1, 16]) {
        for (const what of ["Encrypt", "Decrypt"]) {
          const requests = (what === "Encrypt" ? plaintexts : blobs).map((text) =>
            prepare(
              system,
              what,
              what === "Encrypt" ? { KeyId, Plaintext: text } : { CiphertextBlob: text },
            ),
          );
          const endpoint = system.env.KMS_ENDPOINT ?? "";
          await load(endpoint, requests, connections, 1);
          const edge = await load(endpoint, requests, connections, seconds);
          await load(bare.url, requests, connections, 1);
          const rival = await load(bare.url, requests, connections, seconds);
          const row = { what, bytes, connections, edge, bare: rival };
          rows.push(row);
          report(row);
        }
      }
    }
    const store = system.output().includes("SOFTWARE") ? "software store" : "SoftHSM";
    return { store, rows };
  } finally {
    bare.stop();
    await discard(system);
  }
}
