/** The executable: how it starts, ends and refuses. */

import { type ChildProcess, execFile, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type BridgeClient, createBridgeClient } from "./client.ts";
import { ACCOUNT, encryptWith, LIMITS, REGION } from "./testing/bridge.ts";
import { readLeaseGrant, TestEdge } from "./testing/edge.ts";
import { SOFTHSM_MODULE } from "./testing/modules.ts";
import { isWithoutHsm } from "./testing/stores.ts";

/** Processes are started here by the dozen, each of which takes seconds on a busy machine. */
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const main = fileURLToPath(new URL("./main.ts", import.meta.url));

interface Ready {
  readonly type: "ready";
  readonly url: string;
  readonly store: string;
  readonly generation: number;
  readonly publicKey: string;
  readonly pki: string;
}
interface Served {
  readonly child: ChildProcess;
  readonly ready: Ready;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}
interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, ...args],
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

const stores = [
  ...(isWithoutHsm ? [] : [{ name: "pkcs11" as const }]),
  { name: "software" as const },
];

describe.each(stores)("serve with the $name store", ({ name }) => {
  let home: string;
  let args: string[];
  const env: Record<string, string> = {};
  const running = new Set<ChildProcess>();

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "edge-kms-main-"));
    args = ["--home", home, "--listen", "127.0.0.1:0", "--store", name];
    if (name === "pkcs11") {
      await mkdir(join(home, "tokens"));
      env.SOFTHSM2_CONF = join(home, "softhsm2.conf");
      await writeFile(env.SOFTHSM2_CONF, `directories.tokendir = ${join(home, "tokens")}\n`);
      const token = ["--pkcs11-module", SOFTHSM_MODULE, "--token-label", "edge-kms"];
      token.push("--pin-file", join(home, "pin"));
      args.push(...token);
      const init = ["init-token", ...token, "--so-pin-file", join(home, "so-pin"), "--json"];
      expect(JSON.parse((await run(init, env)).stdout)).toEqual({
        tokenLabel: "edge-kms",
        isNew: true,
      });
      expect(JSON.parse((await run(init, env)).stdout)).toMatchObject({ isNew: false });
    }
  });
  afterAll(async () => {
    for (const child of running) child.kill("SIGKILL");
    await rm(home, { recursive: true, force: true });
  });

  function serve(): Promise<Served> {
    const child = fork(main, ["serve", ...args], {
      execArgv: [],
      silent: true,
      env: { ...process.env, ...env },
    });
    running.add(child);
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      output += chunk;
    });
    const exited = new Promise<number | null>((resolve) =>
      child.once("exit", (status) => {
        running.delete(child);
        resolve(status);
      }),
    );
    return new Promise((resolve, reject) => {
      child.once("message", (ready: Ready) =>
        resolve({ child, ready, output: () => output, exited }),
      );
      child.once("exit", () => reject(new Error(`ended before it was ready: ${output}`)));
    });
  }

  async function client(ready: Ready, role: string): Promise<BridgeClient> {
    const pem = (file: string) => readFile(join(ready.pki, file), "utf8");
    return createBridgeClient({
      url: ready.url,
      ca: await pem("ca.crt"),
      cert: await pem(`${role}.crt`),
      key: await pem(`${role}.key`),
    });
  }

  it("opens after kill -9 what it leased before", async () => {
    const edge = await TestEdge.make("edge-1");
    const keyId = randomUUID();
    const lease = async (served: Served): Promise<{ branch: string; key: Buffer }> => {
      const controlPlane = await client(served.ready, "control-plane");
      const request = edge.leaseRequest([encryptWith(keyId)]);
      const { results } = await controlPlane.call("lease", {
        request: request.message,
        permitted: [
          {
            index: 0,
            epoch: { generation: served.ready.generation, counter: 1 },
            limits: LIMITS,
          },
        ],
      });
      controlPlane.close();
      const [result] = results;
      if (result === undefined || !("grant" in result)) throw new Error("no grant");
      const grant = readLeaseGrant(result.grant, served.ready.publicKey);
      const key = await edge.open(
        grant.sealed,
        "edge-kms/lease-grant/1",
        request.requestHash,
        grant.leaseId,
      );
      return { branch: grant.branch, key };
    };

    let served = await serve();
    expect(served.ready).toMatchObject({ type: "ready", store: name });
    const operator = await client(served.ready, "operator");
    const controlPlane = await client(served.ready, "control-plane");
    await operator.call("enrollEdge", {
      edge: "edge-1",
      publicKey: edge.publicKey,
      accounts: [ACCOUNT],
      regions: [REGION],
      group: "group-1",
    });
    await controlPlane.call("createKey", { account: ACCOUNT, region: REGION, keyId, suite: 1 });
    operator.close();
    controlPlane.close();
    const first = await lease(served);
    for (let i = 0; i < 2; i++) {
      served.child.kill("SIGKILL");
      await served.exited;
      served = await serve();
      expect(await lease(served)).toEqual(first);
    }
    if (name === "pkcs11") {
      const pin = (await readFile(join(home, "pin"), "utf8")).trim();
      expect(served.output()).not.toContain(pin);
    }
    served.child.kill("SIGTERM");
    expect(await served.exited).toBe(0);
  });

  it("refuses a second start on the same home, and ends when its parent lets go", async () => {
    const served = await serve();
    const second = await run(["serve", ...args], env);
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/^hsm-bridge: The registry .* is in use by another bridge\.$/m);
    served.child.disconnect();
    expect(await served.exited).toBe(0);
  });

  // The same work over any store: once is enough.
  if (name === "pkcs11") return;
  it("does an operator's work from the command line", async () => {
    const served = await serve();
    const operate = async (...command: string[]) =>
      run([...command, "--home", home, "--url", served.ready.url], env);
    const edge = await TestEdge.make("edge-9");
    const enroll = ["enroll", "--edge", "edge-9", "--public-key", edge.publicKey];
    enroll.push("--accounts", ACCOUNT, "--regions", REGION, "--group", "group-1");
    expect((await operate(...enroll)).stdout).toBe("Enrolled.\n");
    expect((await operate("freeze", "edge", "edge-9", "--reason", "lost")).stdout).toBe(
      "Frozen.\n",
    );
    const list = await operate("list", "--json");
    expect(JSON.parse(list.stdout)).toMatchObject({ freezes: [{ id: "edge-9", reason: "lost" }] });
    expect((await operate("unfreeze", "edge", "edge-9")).stdout).toBe("Unfrozen.\n");
    const again = await operate("unfreeze", "edge", "edge-9");
    expect([again.status, again.stderr]).toEqual([
      1,
      "hsm-bridge: The edge is not frozen. (not-found)\n",
    ]);
    const [ruledOut, mistyped] = await Promise.all([
      operate("ceiling", "deny", "00000000-0000-4000-8000-000000000000"),
      operate("ceiling", "key"),
    ]);
    expect(ruledOut.stderr).toBe("hsm-bridge: The bridge has no such key. (not-found)\n");
    expect([mistyped.status, mistyped.stderr]).toEqual([
      2,
      expect.stringContaining("lease, proxy or deny"),
    ]);
    const [log, status, random] = await Promise.all([
      operate("log"),
      operate("status", "--json"),
      operate("random", "16"),
    ]);
    expect(log.stdout).toMatch(/operator unfrozen/);
    expect(JSON.parse(status.stdout)).toMatchObject({
      store: name,
      storeCalls: { total: expect.any(Number) },
    });
    expect(random.stdout.trim()).toHaveLength(24);
    served.child.kill("SIGINT");
    expect(await served.exited).toBe(0);
  });
});

describe("refusals, each in one sentence", () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "edge-kms-main-"));
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  it.concurrent.each<[string, string[], number, RegExp]>([
    ["no store named", ["serve"], 1, /Name the key store/],
    ["an unknown command", ["destroy-everything"], 2, /no command "destroy-everything"/],
    ["an unknown flag", ["serve", "--pin", "1234"], 2, /--pin/],
    ["an operator without a certificate", ["status"], 1, /no operator certificate/],
  ])("%s", async (_what, command, status, sentence) => {
    const outcome = await run([...command, "--home", home]);
    expect(outcome.status).toBe(status);
    expect(outcome.stderr).toMatch(sentence);
    expect(outcome.stderr.trim().split("\n")).toHaveLength(1);
  });

  it("prints help", async () => {
    const outcome = await run(["--help"]);
    expect(outcome.status).toBe(0);
    expect(outcome.stdout).toContain("init-token");
  });
});
