/** Private keys in SoftHSM in this process, whole and with functions replaced by bad ones. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isWithoutHsm, type PreparedToken, prepareToken } from "../testing/stores.ts";
import { type Library, loadLibrary, type Pkcs11 } from "./library.ts";
import { Sessions } from "./sessions.ts";
import { Token } from "./token.ts";

describe.skipIf(isWithoutHsm)("pairs in a token", () => {
  let prepared: PreparedToken;
  let library: Library;

  beforeAll(async () => {
    prepared = await prepareToken();
    process.env.SOFTHSM2_CONF = prepared.settings.env?.SOFTHSM2_CONF ?? "";
    library = loadLibrary(prepared.settings.modulePath);
    await tokenWith({}).pairs.generate("rsa", "rsa-2048-decrypt");
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
});
