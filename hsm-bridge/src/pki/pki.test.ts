import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { chmod, copyFile, mkdtemp, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../testing/stores.ts";
import { openPki } from "./pki.ts";

const DAY_MS = 86_400_000;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edge-kms-pki-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const open = (nowMs = Date.now(), names: string[] = []) =>
  openPki(directory, names, nowMs, silentLogger);
const certificate = async (name: string) =>
  new X509Certificate(await readFile(join(directory, `${name}.crt`)));
const verify = (name: string, purpose: string, nowMs = Date.now()): string =>
  execFileSync(
    "openssl",
    [
      ...["verify", "-x509_strict", "-attime", String(Math.floor(nowMs / 1000))],
      ...["-CAfile", "ca.crt", "-purpose", purpose, `${name}.crt`],
    ],
    { cwd: directory, encoding: "utf8", stdio: "pipe" },
  );
const serial = async (name: string) => (await certificate(name)).serialNumber;

describe("certificates", () => {
  it("are such that OpenSSL accepts them strictly, each for its purpose only", async () => {
    await open(Date.now(), ["bridge.example.test", "10.1.2.3", "2001:db8::7"]);
    expect(verify("bridge", "sslserver")).toContain("OK");
    expect(verify("control-plane", "sslclient")).toContain("OK");
    expect(verify("operator", "sslclient")).toContain("OK");
    expect(() => verify("bridge", "sslclient")).toThrow();
    expect(() => verify("operator", "sslserver")).toThrow();
    const bridge = await certificate("bridge");
    for (const address of ["127.0.0.1", "::1", "10.1.2.3", "2001:db8::7"]) {
      expect(bridge.checkIP(address)).toBe(address);
    }
    expect(bridge.checkHost("localhost")).toBe("localhost");
    expect(bridge.checkHost("bridge.example.test")).toBe("bridge.example.test");
    expect((await certificate("operator")).subject).toBe("CN=operator");
  });

  it("stay while they are good, and their keys are their owner's alone", async () => {
    await open();
    const before = await serial("bridge");
    await open();
    expect(await serial("bridge")).toBe(before);
    for (const name of ["ca", "bridge", "control-plane", "operator"]) {
      expect((await stat(join(directory, `${name}.key`))).mode & 0o777).toBe(0o600);
    }
  });

  it("are renewed when less than 30 days are left, and when names are added", async () => {
    await open();
    const before = [await serial("bridge"), await serial("operator")];
    await open(Date.now() + 334 * DAY_MS);
    expect([await serial("bridge"), await serial("operator")]).toEqual(before);
    await open(Date.now() + 336 * DAY_MS);
    expect(await serial("bridge")).not.toBe(before[0]);
    expect(await serial("operator")).not.toBe(before[1]);
    const renewed = await serial("bridge");
    await open(Date.now(), ["more.example.test"]);
    expect(await serial("bridge")).not.toBe(renewed);
  });

  it("need the CA's key only when one has to be issued", async () => {
    await open();
    await rename(join(directory, "ca.key"), join(directory, "elsewhere"));
    await open();
    await unlink(join(directory, "operator.crt"));
    await expect(open()).rejects.toThrow(/bring it back for one start/);
    await rename(join(directory, "elsewhere"), join(directory, "ca.key"));
    await open();
  });

  // The files are of a home of November 2026, before certificates were made by a library.
  it("of earlier homes stay, and their CA issues what is missing or ends", async () => {
    for (const file of ["ca.crt", "ca.key", "bridge.crt", "bridge.key"]) {
      await copyFile(
        join(import.meta.dirname, "fixtures/earlier-home", file),
        join(directory, file),
      );
      await chmod(join(directory, file), 0o600);
    }
    const before = [await serial("ca"), await serial("bridge")];
    const nowMs = Date.parse((await certificate("bridge")).validFrom) + DAY_MS;
    await open(nowMs);
    expect([await serial("ca"), await serial("bridge")]).toEqual(before);
    expect(verify("bridge", "sslserver", nowMs)).toContain("OK");
    expect(verify("operator", "sslclient", nowMs)).toContain("OK");
    const laterMs = nowMs + 340 * DAY_MS;
    await open(laterMs);
    expect(await serial("ca")).toBe(before[0]);
    expect(await serial("bridge")).not.toBe(before[1]);
    expect(verify("bridge", "sslserver", laterMs)).toContain("OK");
  });
});
