import { fork } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger } from "../log.ts";
import { silentLogger } from "../testing/stores.ts";
import { openSoftwareStore } from "./software-store.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edge-kms-software-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const sealedPath = () => join(directory, "software-store.sealed");
const open = (passphrase: string | null = null) =>
  openSoftwareStore({ directory, passphrase, logger: silentLogger });

describe("software store", () => {
  it("says at every start that it is no HSM", async () => {
    const lines: string[] = [];
    const logger = createLogger(
      () => {},
      (line) => lines.push(line),
    );
    await (await openSoftwareStore({ directory, logger })).close();
    await (await openSoftwareStore({ directory, logger })).close();
    expect(lines.filter((line) => line.includes("NO HSM"))).toHaveLength(2);
  });

  it("keeps its files to their owner and refuses a key file that others can read", async () => {
    await (await open()).close();
    for (const name of await readdir(directory)) {
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    }
    await chmod(join(directory, "software-store.key"), 0o644);
    await expect(open()).rejects.toThrow(/readable by others/);
  });

  it("refuses every altered, truncated or foreign file", async () => {
    const store = await open();
    await store.generateAesKey("k1");
    await store.close();
    const good = await readFile(sealedPath());
    for (let i = 0; i < good.length; i += 7) {
      const bad = Buffer.from(good);
      bad[i] = (bad[i] as number) ^ 0x10;
      await writeFile(sealedPath(), bad);
      await expect(open(), `byte ${i}`).rejects.toThrow(/damaged|passphrase/);
    }
    for (const length of [0, 10, 40, good.length - 1]) {
      await writeFile(sealedPath(), good.subarray(0, length));
      await expect(open(), `length ${length}`).rejects.toThrow(/damaged/);
    }
    await writeFile(sealedPath(), good);
    await (await open()).close();
  });

  it("opens with its passphrase only", async () => {
    const store = await open("correct horse");
    await store.generateAesKey("k1");
    await store.close();
    expect(await readdir(directory)).toEqual(["software-store.sealed"]);
    await expect(open("battery staple")).rejects.toThrow(/damaged, or its key or passphrase/);
    await expect(open(null)).rejects.toThrow(/none is configured/);
    const again = await open("correct horse");
    expect(await again.listObjects()).toEqual([{ id: "k1", label: null }]);
    await again.close();
  });

  it("does not make a new key for a store whose key file is gone", async () => {
    await (await open()).close();
    await rm(join(directory, "software-store.key"));
    await expect(open()).rejects.toThrow(/cannot be read/);
  });

  it("loses no acknowledged key to kill -9 in the middle of writing", async () => {
    const writer = fileURLToPath(new URL("../testing/software-writer.ts", import.meta.url));
    const acknowledged: string[] = [];
    for (let round = 0; round < 6; round++) {
      const child = fork(writer, [directory, `r${round}`], { execArgv: [], silent: true });
      const stopAfter = 3 + round * 4;
      let count = 0;
      child.on("message", (id: string) => {
        acknowledged.push(id);
        count += 1;
        if (count === stopAfter) child.kill("SIGKILL");
      });
      await new Promise((resolve) => child.once("exit", resolve));
      expect(count).toBeGreaterThanOrEqual(stopAfter);
      const store = await open();
      const present = new Set((await store.listObjects()).map(({ id }) => id));
      await store.close();
      expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
    }
    expect((await readdir(directory)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
