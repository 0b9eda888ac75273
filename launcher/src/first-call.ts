/** One signed call through the edge: proof that the whole road works before we say `ready`. */

import { createHash, createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { signTc3, utf8Encode } from "@edge-kms/protocol";
import type { ClientEnv } from "./client-env.ts";
import { StartError } from "./start-error.ts";

const DEADLINE_MS = 20_000;

/** GenerateRandom with the root access key. Retries while the parts find each other; throws {@link StartError} when it never works. */
export async function proveRoad(env: ClientEnv): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await call(env).catch((error: Error) => error.message);
    if (answer === null) return;
    if (Date.now() > deadline) throw new StartError(`The edge does not serve: ${answer}.`);
    await sleep(100);
  }
}

/** Null when the call succeeded, else the error code. */
async function call(env: ClientEnv): Promise<string | null> {
  const { host } = new URL(env.KMS_ENDPOINT);
  const body = utf8Encode('{"NumberOfBytes":1}');
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const { authorization } = signTc3(
    {
      secretId: env.TENCENTCLOUD_SECRET_ID,
      secretKey: env.TENCENTCLOUD_SECRET_KEY,
      method: "POST",
      host,
      contentType: "application/json",
      body,
      service: "kms",
      timestampSeconds,
    },
    (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
    (key, bytes) => new Uint8Array(createHmac("sha256", key).update(bytes).digest()),
  );
  const response = await fetch(env.KMS_ENDPOINT, {
    method: "POST",
    headers: {
      authorization,
      "content-type": "application/json",
      "user-agent": "edge-kms-launcher",
      "x-tc-action": "GenerateRandom",
      "x-tc-version": "2019-01-18",
      "x-tc-timestamp": String(timestampSeconds),
      "x-tc-region": env.TENCENTCLOUD_REGION,
    },
    body,
    signal: AbortSignal.timeout(5000),
  });
  const { Response } = (await response.json()) as { Response: { Error?: { Code: string } } };
  return Response.Error?.Code ?? null;
}
