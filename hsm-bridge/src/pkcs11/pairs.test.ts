/** Private keys in SoftHSM in this process, whole and with functions replaced by bad ones. */

import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
} from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isWithoutHsm, type PreparedToken, prepareToken } from "../testing/stores.ts";
import { type Library, loadLibrary, type Pkcs11 } from "./library.ts";
import { Sessions } from "./sessions.ts";
import { Token } from "./token.ts";

describe.skipIf(isWithoutHsm)("pairs in a token", () => {
  let prepared: PreparedToken;
  let library: Library;

  /** To the key "rsa". */
  let sealed: Record<"pkcs1" | "oaep-sha1" | "oaep-sha256", Buffer>;

  beforeAll(async () => {
    prepared = await prepareToken();
    process.env.SOFTHSM2_CONF = prepared.settings.env?.SOFTHSM2_CONF ?? "";
    library = loadLibrary(prepared.settings.modulePath);
    const spki = await tokenWith({}).pairs.generate("rsa", "rsa-2048-decrypt");
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    const text = Buffer.from("text");
    sealed = {
      pkcs1: publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, text),
      "oaep-sha1": publicEncrypt({ key, oaepHash: "sha1" }, text),
      "oaep-sha256": publicEncrypt({ key, oaepHash: "sha256" }, text),
    };
  });
  afterAll(async () => {
    library?.module.C_Finalize();
    await prepared?.remove();
  });

  const sessionsOf = (with_: Library) => {
    const sessions = new Sessions(with_, { ...prepared.settings, maxSessions: 2 });
    sessions.logIn();
    return sessions;
  };
  const tokenWith = (changes: Partial<Pkcs11>) => {
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
    return new Token(alteredLibrary, sessionsOf(alteredLibrary));
  };

  it("private keys do what they are for and nothing else, and never could leave", async () => {
    const { module, ck } = library;
    const token = tokenWith({});
    await token.pairs.generate("rsa-s", "rsa-2048-sign");
    await token.pairs.generate("p-256", "p-256-sign");
    for (const [id, may] of [
      ["rsa", "CKA_DECRYPT"],
      ["rsa-s", "CKA_SIGN"],
      ["p-256", "CKA_SIGN"],
    ] as const) {
      const expected = {
        CKA_DECRYPT: may === "CKA_DECRYPT",
        CKA_SIGN: may === "CKA_SIGN",
        CKA_SIGN_RECOVER: false,
        CKA_UNWRAP: false,
        CKA_DERIVE: false,
        CKA_SENSITIVE: true,
        CKA_ALWAYS_SENSITIVE: true,
        CKA_EXTRACTABLE: false,
        CKA_NEVER_EXTRACTABLE: true,
      };
      const names = Object.keys(expected) as (keyof typeof expected)[];
      const values = await sessionsOf(library).use(true, (session) => {
        module.C_FindObjectsInit(session, [
          { type: ck.CKA_CLASS, value: ck.CKO_PRIVATE_KEY },
          { type: ck.CKA_ID, value: Buffer.from(id) },
        ]);
        const [key] = module.C_FindObjects(session, 1);
        module.C_FindObjectsFinal(session);
        return module.C_GetAttributeValue(
          session,
          key as Buffer,
          names.map((name) => ({ type: ck[name] })),
        );
      });
      const found = names.map((name, n) => [
        name,
        (values[n]?.value as Buffer | undefined)?.[0] === 1,
      ]);
      expect(Object.fromEntries(found)).toEqual(expected);
    }
  });

  it("keeps no private key that the token calls extractable before", async () => {
    const { module, ck } = library;
    const token = tokenWith({
      C_GetAttributeValue: ((session: Buffer, key: Buffer, asked: { type: number }[]) =>
        module
          .C_GetAttributeValue(session, key, asked)
          .map((attribute) =>
            attribute.type === ck.CKA_NEVER_EXTRACTABLE
              ? { ...attribute, value: Buffer.of(0) }
              : attribute,
          )) as Pkcs11["C_GetAttributeValue"],
    });
    await expect(token.pairs.generate("leaky", "p-256-sign")).rejects.toThrow(/not locked in/);
    expect((await tokenWith({}).list()).map(({ id }) => id)).not.toContain("leaky");
  });

  const answering = (encoded: () => Buffer): Partial<Pkcs11> => ({
    C_DecryptInit: ((_session: Buffer, { mechanism }: { mechanism: number }) => {
      if (mechanism === library.ck.CKM_RSA_PKCS_OAEP) throw ckr(7);
    }) as Pkcs11["C_DecryptInit"],
    C_DecryptAsync: (async () => encoded()) as Pkcs11["C_DecryptAsync"],
  });
  const ckr = (code: number): Error => Object.assign(new Error("CKR"), { code });
  const corrupt = expect.objectContaining({
    failure: expect.objectContaining({ code: "corrupt" }),
  });
  const ciphertext = Buffer.alloc(256, 1);

  it("undoes OAEP with SHA-256 in the same time for whatever the token answers", async () => {
    let encoded: Buffer = Buffer.alloc(256);
    const { pairs } = tokenWith(answering(() => Buffer.from(encoded)));
    const low = Buffer.alloc(256, 0xff);
    low[0] = 0;
    // Above every modulus, and so not to be encrypted to the key that decodes.
    const high = Buffer.alloc(256, 0xff);
    const times = new Map<Buffer, number[]>([
      [low, []],
      [high, []],
    ]);
    for (let round = 0; round < 60; round++) {
      for (const [bytes, list] of times) {
        encoded = bytes;
        const startedAt = performance.now();
        await expect(pairs.rsaDecrypt("rsa", "oaep-sha256", ciphertext)).rejects.toEqual(corrupt);
        list.push(performance.now() - startedAt);
      }
    }
    // The least of many: what the machine does besides only adds. The private operation was most of it, or missing.
    const least = (bytes: Buffer) => Math.min(...(times.get(bytes) ?? []));
    expect(least(high)).toBeGreaterThan(least(low) * 0.75);
  });

  it("takes no OAEP encoding that begins with another octet than zero", async () => {
    const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const sealed = publicEncrypt({ key: pair.publicKey, oaepHash: "sha256" }, Buffer.from("text"));
    const padding = constants.RSA_NO_PADDING;
    const encoded = privateDecrypt({ key: pair.privateKey, padding }, sealed);
    const { pairs } = tokenWith(answering(() => Buffer.from(encoded)));
    const open = () => pairs.rsaDecrypt("rsa", "oaep-sha256", ciphertext);
    expect((await open()).toString()).toBe("text");
    encoded[0] = 1;
    await expect(open()).rejects.toEqual(corrupt);
  });

  it("does no PKCS#1 with a token that cannot be checked", async () => {
    for (const code of [7, 0x70, 0x71]) {
      const { pairs } = tokenWith({
        C_DecryptInit: ((_session: Buffer, { mechanism }: { mechanism: number }) => {
          if (mechanism === library.ck.CKM_RSA_X_509) throw ckr(code);
        }) as Pkcs11["C_DecryptInit"],
        C_DecryptAsync: (async () => Buffer.from("made up")) as Pkcs11["C_DecryptAsync"],
      });
      const opened = pairs.rsaDecrypt("rsa", "pkcs1", ciphertext);
      await expect(opened).rejects.toMatchObject({ code });
    }
  });

  it.each(["pkcs1", "oaep-sha1", "oaep-sha256"] as const)(
    "%s: a token in trouble is not the ciphertext's fault",
    async (padding) => {
      const { module } = library;
      for (const code of [5, 6]) {
        let failing = Number.POSITIVE_INFINITY;
        const { pairs } = tokenWith({
          C_DecryptAsync: (async (session: Buffer, data: Buffer, out: Buffer) => {
            const opened = await module.C_DecryptAsync(session, data, out);
            if (failing-- > 0) throw ckr(code);
            return opened;
          }) as Pkcs11["C_DecryptAsync"],
        });
        await expect(pairs.rsaDecrypt("rsa", padding, sealed[padding])).rejects.toMatchObject({
          code,
        });
        failing = 1;
        await expect(pairs.rsaDecrypt("rsa", padding, sealed[padding])).rejects.toEqual(corrupt);
        const opened = await pairs.rsaDecrypt("rsa", padding, sealed[padding]);
        expect(opened.toString()).toBe("text");
      }
    },
  );
});
