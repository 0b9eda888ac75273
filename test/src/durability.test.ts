/** P6 and P2 as far as the first road goes: kill -9 of each part, restart of all, disable within the promised time. */

import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, type Kms, newAlias } from "./support/client.ts";
import { discard, type PartName, type System, startSystem } from "./support/system.ts";

let system: System;
let kms: Kms;
const sealed: { KeyId: string; CiphertextBlob: string; Plaintext: string }[] = [];

async function sealSomething(): Promise<void> {
  for (const region of ["ap-singapore", "ap-guangzhou"]) {
    const client = createClient(system, { region });
    const { KeyId = "" } = await client.CreateKey({ Alias: newAlias() });
    const Plaintext = base64(`kept since ${sealed.length}`);
    const { CiphertextBlob = "" } = await client.Encrypt({ KeyId, Plaintext });
    sealed.push({ KeyId, CiphertextBlob, Plaintext });
  }
}

/** Every ciphertext so far opens. Retries for a while: a part that was killed has connections to make again. */
async function expectAllOpen(): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (const [index, { KeyId, CiphertextBlob, Plaintext }] of sealed.entries()) {
    const client = createClient(system, { region: index % 2 ? "ap-guangzhou" : "ap-singapore" });
    for (;;) {
      const answer = await client
        .Decrypt({ CiphertextBlob })
        .catch((error: { code?: string; message: string }) => error.code ?? error.message);
      if (typeof answer === "object") {
        expect(answer).toMatchObject({ KeyId, Plaintext });
        break;
      }
      // Being refused for a while is allowed; being told that the ciphertext is bad never is.
      expect(answer).not.toMatch(/InvalidCiphertext|NotFound|CmkDisabled/);
      if (Date.now() > deadline) throw new Error(`still refused: ${answer}\n${system.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

beforeAll(async () => {
  system = await startSystem();
  kms = createClient(system);
  await sealSomething();
}, 60_000);
afterAll(() => discard(system), 60_000);

describe("kill -9", () => {
  it.each<PartName>(["edge", "control plane", "bridge", "database"])(
    "of the %s loses nothing that was acknowledged",
    async (part) => {
      await sealSomething();
      await system.killAndWait(part, "SIGKILL");
      await expectAllOpen();
      // The edge opens ciphertexts by itself; making keys needs the part that was killed.
      await expect
        .poll(() => kms.ListKeys({}).then(() => "served", String), { timeout: 15_000 })
        .toBe("served");
      await sealSomething();
      const described = await kms.DescribeKeys({
        KeyIds: sealed.filter((_, index) => index % 2 === 0).map(({ KeyId }) => KeyId),
      });
      expect(described.KeyMetadatas).toHaveLength(sealed.length / 2);
      expect(system.output()).toContain(`${part} died (SIGKILL)`);
    },
    60_000,
  );

  it("of the bridge leaves callers with v1 signatures served: sealed to its new key", async () => {
    const v1 = createClient(system, { signMethod: "HmacSHA256" });
    const { KeyId } = sealed[0] as (typeof sealed)[number];
    const encrypt = () => v1.Encrypt({ KeyId, Plaintext: base64("x") });
    expect((await encrypt()).KeyId).toBe(KeyId);
    await system.killAndWait("bridge", "SIGKILL");
    await expect
      .poll(() => encrypt().then(() => "served", String), { timeout: 15_000 })
      .toBe("served");
  }, 60_000);

  it("of the launcher leaves nothing running, and the next start goes on", async () => {
    const { home, port } = system;
    const pids = (["edge", "control plane", "bridge", "database"] as const).map(system.pid);
    await system.stop("SIGKILL");
    await expect.poll(() => pids.filter(isAlive), { timeout: 20_000 }).toEqual([]);
    system = await startSystem({ home, port });
    kms = createClient(system);
    await expectAllOpen();
  }, 90_000);
});

describe("an orderly restart", () => {
  it("keeps keys, ciphertexts and the access key", async () => {
    const { home, port, env } = system;
    expect(await system.stop()).toBe(0);
    system = await startSystem({ home, port });
    kms = createClient(system);
    expect(system.env).toEqual(env);
    await expectAllOpen();
  }, 60_000);
});

describe("revocation", () => {
  it("reaches a connected edge within 5 seconds, and so does its undoing", async () => {
    const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
    const use = () =>
      kms.Encrypt({ KeyId, Plaintext: base64("x") }).then(
        () => "served",
        (error: { code: string }) => error.code,
      );
    const took: number[] = [];
    for (let round = 0; round < 5; round++) {
      await kms.EnableKey({ KeyId });
      const enabledAt = Date.now();
      while ((await use()) !== "served") expect(Date.now() - enabledAt).toBeLessThan(5000);
      await kms.DisableKey({ KeyId });
      const disabledAt = Date.now();
      while ((await use()) === "served") expect(Date.now() - disabledAt).toBeLessThan(5000);
      took.push(Date.now() - disabledAt);
      expect(await use()).toBe("ResourceUnavailable.CmkDisabled");
    }
    expect(Math.max(...took)).toBeLessThan(5000);
  }, 60_000);
});

function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody has reaped yet no longer runs.
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).startsWith(
      "Z",
    );
  } catch {
    return false;
  }
}
