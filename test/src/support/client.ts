/** The official Node SDK, unmodified, pointed at a system under test. */

import { basename } from "node:path";
import tencentcloud from "tencentcloud-sdk-nodejs";
import { expect } from "vitest";
import { noteOutcome } from "./provoked.ts";
import type { System } from "./system.ts";

export type Kms = InstanceType<typeof tencentcloud.kms.v20190118.Client>;

export type ClientOptions = {
  readonly region?: string;
  /** `edge` (default) or the control plane's door. */
  readonly door?: "edge" | "control plane";
  /** A whole URL in place of a door's. */
  readonly endpoint?: string;
  readonly secretId?: string;
  readonly secretKey?: string;
  readonly signMethod?: "TC3-HMAC-SHA256" | "HmacSHA256" | "HmacSHA1";
  readonly reqMethod?: "POST" | "GET";
  /** How long a call may take; 30 when absent. */
  readonly deadlineSeconds?: number;
};

export function createClient(system: System, options: ClientOptions = {}): Kms {
  const { env } = system;
  const door = options.door === "control plane" ? env.CONTROL_PLANE_ENDPOINT : env.KMS_ENDPOINT;
  const { protocol, host } = new URL(options.endpoint ?? door ?? "");
  const client = new tencentcloud.kms.v20190118.Client({
    credential: {
      secretId: options.secretId ?? env.TENCENTCLOUD_SECRET_ID ?? "",
      secretKey: options.secretKey ?? env.TENCENTCLOUD_SECRET_KEY ?? "",
    },
    region: options.region ?? env.TENCENTCLOUD_REGION ?? "",
    profile: {
      signMethod: options.signMethod ?? "TC3-HMAC-SHA256",
      httpProfile: {
        protocol: `${protocol}//`,
        endpoint: host,
        reqMethod: options.reqMethod ?? "POST",
        reqTimeout: options.deadlineSeconds ?? 30,
      },
    },
  });
  noteOutcomes(client);
  return client;
}

/** Every method of the client makes its call through `request`. */
function noteOutcomes(client: Kms): void {
  // Benchmarks use the client too, and have no test to note anything for.
  if (process.env.VITEST === undefined) return;
  const file = basename(expect.getState().testPath ?? "", ".test.ts");
  if (file === "") return;
  const request = client.request.bind(client);
  client.request = async (action: string, ...rest: [object?]) => {
    try {
      const answer = await request(action, ...(rest as [object]));
      noteOutcome(file, action, "ok");
      return answer;
    } catch (error) {
      noteOutcome(file, action, (error as { code?: string }).code ?? "no-code");
      throw error;
    }
  };
}

/** Expects the SDK to throw this error code. */
export async function expectCode(promise: Promise<unknown>, code: string): Promise<void> {
  await expect(
    promise.then(
      (value) => `no error, but ${JSON.stringify(value).slice(0, 200)}`,
      (error: { code?: string; message: string }) => error.code ?? error.message,
    ),
  ).resolves.toBe(code);
}

export const base64 = (bytes: Uint8Array | string) =>
  Buffer.from(bytes as string).toString("base64");

let counter = 0;
/** An alias that no other test of this run uses. */
export function newAlias(): string {
  counter += 1;
  return `test-${process.pid}-${Date.now().toString(36)}-${counter}`;
}
