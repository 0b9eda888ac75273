import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { StartError } from "./start-error.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "edge-kms-config-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const write = (content: unknown) =>
  writeFileSync(
    join(home, "config.json"),
    typeof content === "string" ? content : JSON.stringify(content),
  );

describe("configuration of the launcher", () => {
  it("has defaults that need nothing", () => {
    expect(readConfig([], {}, home)).toMatchObject({
      home,
      host: "127.0.0.1",
      port: 8787,
      store: "auto",
      databaseUrl: null,
      leaseRootCredentials: true,
      regions: [
        { name: "ap-singapore", suite: "AES_256" },
        { name: "ap-guangzhou", suite: "SM4" },
      ],
    });
  });

  it("takes flags before variables before the file", () => {
    write({ port: 1001, store: "software", host: "127.0.0.2" });
    const env = { EDGE_KMS_PORT: "1002", EDGE_KMS_STORE: "pkcs11" };
    expect(readConfig(["--port", "1003"], env, home)).toMatchObject({
      port: 1003,
      store: "pkcs11",
      host: "127.0.0.2",
    });
    expect(readConfig([], env, home)?.port).toBe(1002);
    expect(readConfig([], {}, home)?.port).toBe(1001);
  });

  it("takes an empty variable for none", () => {
    expect(readConfig([], { EDGE_KMS_PORT: "", EDGE_KMS_HOME: "" }, home)?.port).toBe(8787);
  });

  it("reads the control plane's regions, and whether root is leased", () => {
    write({
      bridge: { leaseRootCredentials: false },
      controlPlane: { regions: [{ name: "ap-beijing", suite: "SM4" }] },
    });
    expect(readConfig([], {}, home)).toMatchObject({
      leaseRootCredentials: false,
      regions: [{ name: "ap-beijing", suite: "SM4" }],
    });
  });

  it("listens elsewhere than on loopback only behind a proxy that is said to be there", () => {
    const args = ["--host", "0.0.0.0", "--plain-http-behind-proxy"];
    expect(readConfig(args, {}, home)).toMatchObject({
      host: "0.0.0.0",
      plainHttpBehindProxy: true,
    });
    const env = { EDGE_KMS_HOST: "192.0.2.1", EDGE_KMS_PLAIN_HTTP_BEHIND_PROXY: "1" };
    expect(readConfig([], env, home)?.host).toBe("192.0.2.1");
  });

  it("answers a call for help with nothing else", () => {
    expect(readConfig(["--help"], {}, home)).toBeNull();
  });

  it.each([
    [["--port", "0"], {}, undefined, /port/],
    [["--port", "65534"], {}, undefined, /port/],
    [["--store", "paper"], {}, undefined, /store/],
    [["--unknown"], {}, undefined, /unknown/i],
    [["stray"], {}, undefined, /stray/],
    [[], { EDGE_KMS_PORT: "http" }, undefined, /port/],
    [["--host", "0.0.0.0"], {}, undefined, /0\.0\.0\.0 is no loopback address/],
    [[], {}, "{", /config\.json is not readable as JSON/],
    [[], {}, { colour: "blue" }, /config\.json/],
    [[], {}, { controlPlane: { regions: [] } }, /controlPlane\.regions/],
    [[], {}, { via: { database: "127.0.0.1:5432" } }, /via\.database/],
  ])("refuses %j, %j, %j with one sentence", (args, env, file, sentence) => {
    if (file !== undefined) write(file);
    expect(() => readConfig(args, env, home)).toThrow(StartError);
    expect(() => readConfig(args, env, home)).toThrow(sentence);
  });
});
