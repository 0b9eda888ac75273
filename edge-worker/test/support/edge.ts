/** The built worker in a real `workerd serve`, as the launcher runs it. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleDirectory, type WorkerdConfig, workerdConfig } from "../../node/index.ts";
import { BUNDLE_VARIABLE } from "./build.ts";
import type { TestControlPlane } from "./control-plane.ts";

export interface EdgeOptions {
  readonly clientAddressHeader?: string;
  readonly signatureReuseMs?: number;
  /** Changes the text of the configuration, for what must be refused. */
  readonly edit?: (configuration: string) => string;
}

export class TestEdge {
  readonly url: string;
  readonly #directory: string;
  readonly #config: string;
  readonly #env: NodeJS.ProcessEnv;
  #process: ChildProcess | null = null;
  /** What workerd and the worker wrote. */
  log = "";

  private constructor(url: string, directory: string, config: string, env: NodeJS.ProcessEnv) {
    this.url = url;
    this.#directory = directory;
    this.#config = config;
    this.#env = env;
  }

  static async create(
    controlPlane: TestControlPlane,
    controlPlaneAddress: string,
    options: EdgeOptions = {},
  ): Promise<TestEdge> {
    const directory = mkdtempSync(join(tmpdir(), "edge-kms-edge-"));
    const storage = join(directory, "storage");
    mkdirSync(storage);
    const listen = `127.0.0.1:${await freePort()}`;
    const settings: WorkerdConfig = {
      bundle: relative(directory, process.env[BUNDLE_VARIABLE] ?? bundleDirectory),
      listen,
      controlPlane: controlPlaneAddress,
      storage,
      edgeId: controlPlane.edgeId,
      edgeGroup: controlPlane.group,
      signingKey: { fromEnvironment: "EDGE_SIGNING_KEY" },
      bridgePublicKey: controlPlane.bridge.publicKeyB64,
      controlPlanePublicKey: controlPlane.forwarding.publicKeyB64,
      regions: [
        { name: "ap-singapore", suite: "AES_256" },
        { name: "ap-guangzhou", suite: "SM4" },
      ],
      clientAddressHeader: options.clientAddressHeader ?? "",
      signatureReuseMs: options.signatureReuseMs ?? 5_000,
    };
    const file = join(directory, "edge.capnp");
    const text = workerdConfig(settings);
    writeFileSync(file, options.edit?.(text) ?? text);
    const env = { EDGE_SIGNING_KEY: controlPlane.edge.privateKeyB64, TZ: "UTC" };
    const edge = new TestEdge(`http://${listen}`, directory, file, env);
    await edge.start();
    return edge;
  }

  async start(): Promise<void> {
    const workerd = createRequire(import.meta.url).resolve("workerd/bin/workerd");
    const child = spawn(workerd, ["serve", "--experimental", this.#config], {
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => {
      this.log += chunk.toString();
      if (process.env.EDGE_LOG) process.stderr.write(chunk);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    this.#process = child;
    for (let tries = 0; tries < 400; tries++) {
      if (child.exitCode !== null) throw new Error(`workerd ended:\n${this.log}`);
      const response = await fetch(`${this.url}/healthz`).catch(() => null);
      if (response !== null) return;
      await sleep(10);
    }
    throw new Error(`workerd does not answer:\n${this.log}`);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  async dispose(): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get directory(): string {
    return this.#directory;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Waits until something is so, which it must be within the time. */
export async function until(claim: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await claim())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${claim.toString()}`);
    await sleep(5);
  }
}
