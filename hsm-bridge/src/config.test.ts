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

  describe("of further tokens", () => {
    const file = () => join(home, "further.json");
    const write = (tokens: unknown) => writeFile(file(), JSON.stringify(tokens));
    const flags = () => ({ ...token, "further-tokens": file() });
    const env = () => ({ EDGE_KMS_PIN: "1" });

    it("are the first token's where the file says nothing else", async () => {
      await writeFile(join(home, "pin-2"), "2\n", { mode: 0o600 });
      await write([
        { label: "u" },
        { label: "v", module: "other.so", pinFile: "pin-2", libraryParameters: "x=1" },
      ]);
      const { store } = await read({ ...flags(), "retired-tokens": "a,b" }, env());
      expect(store).toMatchObject({
        tokenLabel: "t",
        writeQuorum: 3,
        retiredTokens: ["a", "b"],
        furtherTokens: [
          { tokenLabel: "u", modulePath: "/lib/p11.so", pin: "1", maxSessions: 8 },
          {
            tokenLabel: "v",
            modulePath: join(home, "other.so"),
            pin: "2",
            libraryParameters: "x=1",
          },
        ],
      });
      expect(await read(token, env())).toMatchObject({
        store: { furtherTokens: [], writeQuorum: 1, retiredTokens: [] },
      });
    });

    it.each<[unknown, FlagValues, RegExp]>([
      [[{ label: "t" }], {}, /labels that differ/],
      [[{ label: "u" }, { label: "u" }], {}, /labels that differ/],
      [[{ label: "" }], {}, /not of the form at 0\.label/],
      [[{ label: "x".repeat(33) }], {}, /not of the form at 0\.label/],
      [[{ label: "u", pin: "1234" }], {}, /not of the form at 0\.pin/],
      [Array.from({ length: 8 }, (_, n) => ({ label: `u${n}` })), {}, /not of the form at its top/],
      [[{ label: "u" }], { "write-quorum": "3" }, /integer from 1 to 2/],
      [[{ label: "u" }], { "write-quorum": "0" }, /integer from 1 to 2/],
      [[{ label: "u" }], { "retired-tokens": "u" }, /"u" cannot be in use and retired/],
      [[{ label: "u", pinFile: "absent" }], {}, /PIN file/],
    ])("are refused: %j %o", async (tokens, more, sentence) => {
      await write(tokens);
      await expect(read({ ...flags(), ...more }, env())).rejects.toThrow(sentence);
    });

    it("are refused when the file is not there, or no JSON", async () => {
      await expect(read(flags(), env())).rejects.toThrow(/cannot be read as JSON/);
      await writeFile(file(), "[");
      await expect(read(flags(), env())).rejects.toThrow(/cannot be read as JSON/);
    });
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
