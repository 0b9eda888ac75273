import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FlagValues, parseListen, readBridgeSettings } from "./config.ts";
import { startBridge } from "./start.ts";
import { recordStoreKind } from "./store-record.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "edge-kms-config-"));
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

const read = (flags: FlagValues, env: Record<string, string> = {}) =>
  readBridgeSettings({ home, ...flags }, env);
const configure = (bridge: object) =>
  writeFile(join(home, "config.json"), JSON.stringify({ bridge, edge: { other: "part" } }));
const token = { store: "pkcs11", "pkcs11-module": "/lib/p11.so", "token-label": "t" } as const;

describe("settings", () => {
  it("come from flags, then the environment, then the file, then defaults", async () => {
    await configure({ branchPeriodDays: 5, listen: "127.0.0.1:1111", leaseRootCredentials: true });
    const env = { EDGE_KMS_BRIDGE_LISTEN: "127.0.0.1:2222", EDGE_KMS_STORE: "software" };
    const settings = await read({ listen: "[::1]:3333" }, env);
    expect(settings).toMatchObject({
      home,
      host: "::1",
      port: 3333,
      store: { kind: "software", passphrase: null },
      branchPeriodDays: 5,
      leaseRootCredentials: true,
      isProduction: false,
    });
    expect(await read({}, env)).toMatchObject({ port: 2222 });
    expect(await read({ store: "software" })).toMatchObject({ port: 1111 });
  });

  it("take secrets out of the environment, and from files that are their owner's alone", async () => {
    const env: Record<string, string> = { EDGE_KMS_PIN: "from-env" };
    expect(await read(token, env)).toMatchObject({ store: { pin: "from-env", tokenLabel: "t" } });
    expect(env).toEqual({});
    const pinFile = join(home, "pin");
    await writeFile(pinFile, "from-file\n", { mode: 0o600 });
    expect(await read({ ...token, "pin-file": pinFile })).toMatchObject({
      store: { pin: "from-file" },
    });
    await writeFile(join(home, "open"), "1234", { mode: 0o644 });
    await expect(read({ ...token, "pin-file": join(home, "open") })).rejects.toThrow(
      /readable by others/,
    );
  });

  it("name the recorded store when none is given", async () => {
    await expect(read({})).rejects.toThrow(/Name the key store/);
    await mkdir(join(home, "bridge"));
    await recordStoreKind(home, "software");
    expect(await read({})).toMatchObject({ store: { kind: "software" } });
  });

  it.each<[FlagValues, RegExp]>([
    [{ store: "cloud" }, /The key store is pkcs11 or software/],
    [{ store: "pkcs11" }, /needs --pkcs11-module/],
    [{ store: "software", listen: "here" }, /--listen is/],
    [{ store: "software", listen: "127.0.0.1:70000" }, /--listen is/],
    [{ store: "software", "branch-period-days": "0" }, /integer from 1 to 3650/],
    [{ store: "software", "branch-turnover": String(2 ** 40 + 1) }, /integer from 1 to 10995/],
    [{ store: "software", "max-lease-seconds": "901" }, /integer from 1 to 900/],
  ])("refuse %o in one sentence", async (flags, sentence) => {
    await expect(read(flags)).rejects.toThrow(sentence);
  });

  it("refuse a file that is not of the form, saying where", async () => {
    await configure({ branchPeriodDay: 3 });
    await expect(read({ store: "software" })).rejects.toThrow(
      /not of the form at bridge\.branchPeriodDay/,
    );
    await writeFile(join(home, "config.json"), "{");
    await expect(read({ store: "software" })).rejects.toThrow(/is not JSON/);
  });

  it("refuse the software store in production before anything is made", async () => {
    const settings = await read({ store: "software", production: true });
    await expect(startBridge(settings)).rejects.toThrow(
      /Production mode refuses the software key store/,
    );
  });

  it("take the port two above the edge's", () => {
    expect(parseListen(null, {})).toEqual({ host: "127.0.0.1", port: 8789 });
    expect(parseListen(null, { EDGE_KMS_PORT: "9000" })).toEqual({ host: "127.0.0.1", port: 9002 });
  });
});
