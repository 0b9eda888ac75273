/**
 * What a token really does, found by doing it: mechanism lists do not tell the truth. Runs at every start of the PKCS#11
 * process on session objects, so nothing stays behind. A token that fails here is not used.
 */

import { randomBytes } from "node:crypto";
import type { SelfTestReport } from "../key-store.ts";
import { gcmKnownAnswer } from "../known-answer.ts";
import type { Handle, Library } from "./library.ts";
import { isLockedIn } from "./locked-in.ts";
import { TokenError } from "./return-values.ts";
import type { Sessions } from "./sessions.ts";
import { gcmMechanism, keyTemplate } from "./token.ts";

const refuse = (sentence: string): TokenError =>
  new TokenError("hsm-unavailable", sentence, { isFinal: true });

/** CKM_* by which a token might export a key: PKCS#11 v2.40 and, for KWP, the v3.0 number that NSS uses. */
const wrapMechanisms = (library: Library) => {
  const { ck } = library;
  const zeroIv = Buffer.alloc(16);
  return [
    { name: "AES-KEY-WRAP", mechanism: { mechanism: ck.CKM_AES_KEY_WRAP } },
    { name: "AES-KEY-WRAP-PAD", mechanism: { mechanism: 0x210a } },
    { name: "AES-KEY-WRAP-KWP", mechanism: { mechanism: 0x210b } },
    { name: "AES-CBC-PAD", mechanism: { mechanism: ck.CKM_AES_CBC_PAD, parameter: zeroIv } },
    { name: "AES-CBC", mechanism: { mechanism: ck.CKM_AES_CBC, parameter: zeroIv } },
    { name: "AES-ECB", mechanism: { mechanism: ck.CKM_AES_ECB } },
    {
      name: "AES-GCM",
      mechanism: gcmMechanism(library, zeroIv.subarray(0, 12), Buffer.alloc(0)),
    },
  ];
};

export async function probeToken(
  library: Library,
  sessions: Sessions,
  acceptExtractingToken: boolean,
): Promise<SelfTestReport> {
  const knownAnswer = await testKnownAnswer(library, sessions);
  await testGeneratedKey(library, sessions);
  const exporting = await findExportingMechanisms(library, sessions);
  if (exporting.length > 0 && !acceptExtractingToken) {
    throw refuse(
      `The token lets C_WrapKey export keys marked not extractable (${exporting.join(", ")}); it is used only with --accept-extracting-token.`,
    );
  }
  return {
    aesGcm: knownAnswer ? "known answer verified" : "round trip verified, token refuses import",
    wrongTag: "refused",
    wrongAssociatedData: "refused",
    sensitive: true,
    extractable: false,
    exportsNonExtractableKeys: exporting.length === 0 ? "no" : exporting.join(" "),
  };
}

/** A published vector under an imported session key. False when the token does not take keys from outside. */
async function testKnownAnswer(library: Library, sessions: Sessions): Promise<boolean> {
  const { ck, module } = library;
  const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");
  let sealed: string;
  try {
    sealed = await sessions.use(false, async (session) => {
      const key = module.C_CreateObject(session, [
        { type: ck.CKA_CLASS, value: ck.CKO_SECRET_KEY },
        { type: ck.CKA_KEY_TYPE, value: ck.CKK_AES },
        { type: ck.CKA_VALUE, value: bytes(gcmKnownAnswer.key) },
        { type: ck.CKA_TOKEN, value: false },
        { type: ck.CKA_PRIVATE, value: true },
        { type: ck.CKA_ENCRYPT, value: true },
      ]);
      const iv = bytes(gcmKnownAnswer.nonce);
      module.C_EncryptInit(session, gcmMechanism(library, iv, bytes(gcmKnownAnswer.aad)), key);
      const out = await module.C_EncryptAsync(
        session,
        bytes(gcmKnownAnswer.plaintext),
        Buffer.alloc(128),
      );
      module.C_DestroyObject(session, key);
      return out.toString("hex");
    });
  } catch {
    return false;
  }
  if (sealed !== gcmKnownAnswer.sealed) {
    throw refuse("The token's AES-GCM gives a wrong result for a published test vector.");
  }
  return true;
}

async function testGeneratedKey(library: Library, sessions: Sessions): Promise<void> {
  const { module } = library;
  const plaintext = randomBytes(32);
  const iv = randomBytes(12);
  const aad = Buffer.from("edge-kms self-test");
  let wrongIsOpened = false;
  try {
    await sessions.use(false, async (keeper) => {
      const key = await generateSessionKey(library, keeper);
      if (!isLockedIn(library, keeper, key)) {
        throw refuse("The token makes keys that are not sensitive or not locked in.");
      }
      if (canRead(library, keeper, key)) throw refuse("The token shows the value of a secret key.");
      module.C_EncryptInit(keeper, gcmMechanism(library, iv, aad), key);
      const sealed = Buffer.from(
        await module.C_EncryptAsync(keeper, plaintext, Buffer.alloc(plaintext.length + 16)),
      );
      const opens = (bytes: Buffer, data: Buffer): Promise<boolean> =>
        sessions
          .use(false, async (session) => {
            module.C_DecryptInit(session, gcmMechanism(library, iv, data), key);
            const opened = await module.C_DecryptAsync(session, bytes, Buffer.alloc(64));
            return opened.equals(plaintext);
          })
          .catch(() => false);
      if (!(await opens(sealed, aad))) {
        throw refuse("The token does not open what it sealed with AES-GCM and associated data.");
      }
      const flipped = Buffer.from(sealed);
      flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
      wrongIsOpened =
        (await opens(flipped, aad)) || (await opens(sealed, Buffer.from("edge-kms self-tesT")));
      module.C_DestroyObject(keeper, key);
    });
  } catch (error) {
    if (error instanceof TokenError) throw error;
    throw refuse("The token does not do AES-256-GCM with associated data under a key of its own.");
  }
  if (wrongIsOpened) throw refuse("The token opens AES-GCM with a wrong tag or associated data.");
}

function canRead({ ck, module }: Library, session: Handle, key: Handle): boolean {
  try {
    const [attribute] = module.C_GetAttributeValue(session, key, [{ type: ck.CKA_VALUE }]);
    return (attribute?.value as Buffer | undefined)?.length === 32;
  } catch {
    return false;
  }
}

/** Mechanisms with which C_WrapKey exports a key that is marked CKA_EXTRACTABLE = false. NSS softoken does. */
async function findExportingMechanisms(library: Library, sessions: Sessions): Promise<string[]> {
  const { ck, module } = library;
  const exporting: string[] = [];
  for (const { name, mechanism } of wrapMechanisms(library)) {
    const isExported = await sessions
      .use(false, async (session) => {
        const target = await generateSessionKey(library, session);
        const wrapping = await module.C_GenerateKeyAsync(
          session,
          { mechanism: ck.CKM_AES_KEY_GEN },
          keyTemplate(library, false, null).map((attribute) =>
            attribute.type === ck.CKA_WRAP ? { ...attribute, value: true } : attribute,
          ),
        );
        const wrapped = module.C_WrapKey(session, mechanism, wrapping, target, Buffer.alloc(128));
        module.C_DestroyObject(session, wrapping);
        module.C_DestroyObject(session, target);
        return wrapped.length > 0;
      })
      .catch(() => false);
    if (isExported) exporting.push(name);
  }
  return exporting;
}

function generateSessionKey(library: Library, session: Handle): Promise<Handle> {
  return library.module.C_GenerateKeyAsync(
    session,
    { mechanism: library.ck.CKM_AES_KEY_GEN },
    keyTemplate(library, false, null),
  );
}
