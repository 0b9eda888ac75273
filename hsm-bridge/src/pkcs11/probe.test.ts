/** Probe and token operations against SoftHSM in this process, whole and with one function replaced by a bad one. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isWithoutHsm, type PreparedToken, prepareToken } from "../testing/stores.ts";
import { type Library, loadLibrary, type Pkcs11 } from "./library.ts";
import { probeToken } from "./probe.ts";
import { Sessions } from "./sessions.ts";
import { Token } from "./token.ts";

describe.skipIf(isWithoutHsm)("probing a token", () => {
  let prepared: PreparedToken;
  let library: Library;

  beforeAll(async () => {
    prepared = await prepareToken();
    process.env.SOFTHSM2_CONF = prepared.settings.env?.SOFTHSM2_CONF ?? "";
    library = loadLibrary(prepared.settings.modulePath);
  });
  afterAll(async () => {
    library?.module.C_Finalize();
    await prepared?.remove();
  });

  const probe = (changes: Partial<Pkcs11>, acceptExtractingToken = false) => {
    const { module, ck } = library;
    const altered = new Proxy(module, {
      get: (target, name) => {
        const replaced = changes[name as keyof Pkcs11];
        if (replaced !== undefined) return replaced;
        const original: unknown = Reflect.get(target, name);
        return typeof original === "function" ? original.bind(target) : original;
      },
    });
    const alteredLibrary = { module: altered, ck };
    const sessions = new Sessions(alteredLibrary, { ...prepared.settings, maxSessions: 4 });
    sessions.logIn();
    return probeToken(alteredLibrary, sessions, acceptExtractingToken);
  };

  it("finds SoftHSM fit", async () => {
    expect(await probe({})).toEqual({
      aesGcm: "known answer verified",
      wrongTag: "refused",
      wrongAssociatedData: "refused",
      sensitive: true,
      extractable: false,
      exportsNonExtractableKeys: "no",
    });
  });

  it("refuses a token whose C_WrapKey exports non-extractable keys, unless told otherwise", async () => {
    const exporting = { C_WrapKey: () => Buffer.alloc(40) } as unknown as Partial<Pkcs11>;
    await expect(probe(exporting)).rejects.toThrow(/lets C_WrapKey export/);
    expect(await probe(exporting, true)).toMatchObject({
      exportsNonExtractableKeys: expect.stringContaining("AES-KEY-WRAP"),
    });
  });

  it("sees hollow objects, removes them, and leaves nameless keys alone", async () => {
    const { module, ck } = library;
    const sessions = new Sessions(library, { ...prepared.settings, maxSessions: 4 });
    sessions.logIn();
    const token = new Token(library, sessions);
    const make = (value: Buffer) =>
      sessions.use(false, (session) =>
        module.C_CreateObject(session, [
          { type: ck.CKA_CLASS, value: ck.CKO_SECRET_KEY },
          { type: ck.CKA_KEY_TYPE, value: ck.CKK_AES },
          { type: ck.CKA_TOKEN, value: true },
          { type: ck.CKA_VALUE, value },
        ]),
      );
    await make(Buffer.alloc(0));
    await make(Buffer.alloc(32, 1));
    await token.generate("k1");
    expect(await token.list()).toHaveLength(3);
    expect(await token.removeHollow()).toBe(1);
    expect(await token.removeHollow()).toBe(0);
    const left = await token.list();
    expect(left.map(({ id }) => id).sort()).toEqual(["k1", null]);
  });

  it("logs in again when the login is lost, and takes no key for missing meanwhile", async () => {
    const { module } = library;
    const settings = { ...prepared.settings, maxSessions: 4 };
    const sessions = new Sessions(library, settings);
    sessions.logIn();
    const token = new Token(library, sessions);
    await token.generate("login");
    await token.pairs.generate("login-pair", "p-256-sign");
    const aad = Buffer.from("aad");
    const sealed = await token.encrypt("login", Buffer.from("kept"), aad);
    const logOut = () => sessions.use(false, (session) => module.C_Logout(session));
    await logOut();
    expect((await token.decrypt("login", sealed, aad)).toString()).toBe("kept");
    await logOut();
    expect(await token.pairs.sign("login-pair", "ecdsa", Buffer.alloc(32, 1))).toHaveLength(64);
    await logOut();
    // Nothing is in its cache of handles: it looks for the key, and without a login sees none.
    const other = new Token(library, sessions);
    expect((await other.decrypt("login", sealed, aad)).toString()).toBe("kept");
    await logOut();
    await expect(token.generate("never-repeated")).rejects.toThrow();
    expect((await token.list()).map(({ id }) => id)).not.toContain("never-repeated");
  });

  it("refuses a token that opens a wrong tag", async () => {
    let last: Buffer | null = null;
    const careless = {
      C_EncryptAsync: async (session: Buffer, data: Buffer, out: Buffer) => {
        last = Buffer.from(data);
        return library.module.C_EncryptAsync(session, data, out);
      },
      C_DecryptAsync: async () => last,
    } as unknown as Partial<Pkcs11>;
    await expect(probe(careless)).rejects.toThrow(/wrong tag or associated data/);
  });

  it("refuses a token whose AES-GCM is not AES-GCM", async () => {
    const wrong = {
      C_EncryptAsync: async (session: Buffer, data: Buffer, out: Buffer) => {
        const sealed = Buffer.from(await library.module.C_EncryptAsync(session, data, out));
        sealed[0] = (sealed[0] as number) ^ 1;
        return sealed;
      },
    } as unknown as Partial<Pkcs11>;
    await expect(probe(wrong)).rejects.toThrow(/wrong result for a published test vector/);
  });
});
