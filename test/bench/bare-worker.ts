/** The rival at the edge: a worker that parses the JSON it gets and answers JSON, and does nothing else. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const worker = `export default {
  async fetch(request) {
    const { Plaintext, CiphertextBlob } = await request.json();
    const body = JSON.stringify({ Response: { KeyId: "", CiphertextBlob: Plaintext ?? CiphertextBlob, RequestId: crypto.randomUUID() } });
    return new Response(body, { headers: { "content-type": "application/json" } });
  },
};`;

const configuration = (port: number) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "bare", worker = (modules = [(name = "bare.js", esModule = embed "bare.js")], compatibilityDate = "2026-08-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "bare")],
);`;

/** Runs it in `workerd serve`; call `stop` when done. */
export async function startBareWorker(port: number): Promise<{ url: string; stop: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "edge-kms-bench-"));
  writeFileSync(join(folder, "bare.js"), worker);
  writeFileSync(join(folder, "bare.capnp"), configuration(port));
  const workerd = createRequire(import.meta.resolve("@edge-kms/launcher/main")).resolve(
    "workerd/bin/workerd",
  );
  const child = spawn(workerd, ["serve", join(folder, "bare.capnp")], { stdio: "inherit" });
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const answer = await fetch(url, { method: "POST", body: "{}" }).catch(() => null);
    if (answer?.ok) break;
    if (child.exitCode !== null) throw new Error("the bare worker did not start");
    await sleep(20);
  }
  return {
    url,
    stop() {
      child.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
