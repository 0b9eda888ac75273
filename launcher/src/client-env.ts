/** `<home>/client.env`: what a client needs, readable by `source` and by `node --env-file`. */

import { existsSync, readFileSync } from "node:fs";
import { writePrivateFile } from "./home.ts";

export type ClientEnv = {
  readonly TENCENTCLOUD_SECRET_ID: string;
  readonly TENCENTCLOUD_SECRET_KEY: string;
  readonly TENCENTCLOUD_REGION: string;
  readonly KMS_ENDPOINT: string;
  readonly CONTROL_PLANE_ENDPOINT: string;
};

const names = [
  "TENCENTCLOUD_SECRET_ID",
  "TENCENTCLOUD_SECRET_KEY",
  "TENCENTCLOUD_REGION",
  "KMS_ENDPOINT",
  "CONTROL_PLANE_ENDPOINT",
] as const;

/** Values hold letters, digits and `:/.-_[]` only, so no quoting is needed by either reader. */
export function writeClientEnv(path: string, env: ClientEnv): void {
  writePrivateFile(path, names.map((name) => `${name}=${env[name]}\n`).join(""));
}

/** The access key of an earlier start, or null when the file is missing or has none. */
export function readAccessKey(path: string): { secretId: string; secretKey: string } | null {
  if (!existsSync(path)) return null;
  const lines = readFileSync(path, "utf8").split("\n");
  const value = (name: string) =>
    lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const secretId = value("TENCENTCLOUD_SECRET_ID");
  const secretKey = value("TENCENTCLOUD_SECRET_KEY");
  return secretId && secretKey ? { secretId, secretKey } : null;
}
