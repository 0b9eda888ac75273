/**
 * The operations of a KeyStore on one token. Objects are AES token keys, and private keys (`pairs.ts`), with CKA_ID = UTF-8 of the id
 * and CKA_LABEL = "edge-kms " + id. Mechanisms: CKM_AES_KEY_GEN, CKM_AES_GCM (PKCS#11 v2.40 Current Mechanisms §2.12).
 */

import { randomBytes } from "node:crypto";
import { objectIdPattern, type StoredObject } from "../key-store.ts";
import { KeyedMutex } from "../mutex.ts";
import type { Handle, Library } from "./library.ts";
import { isLockedIn } from "./locked-in.ts";
import { Pairs } from "./pairs.ts";
import { CKR_GENERAL_ERROR, returnValueOf, returnValues, TokenError } from "./return-values.ts";
import type { Sessions } from "./sessions.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Objects asked for per C_FindObjects call. */
const FIND_BATCH = 500;

/** CKM_AES_GCM with a 96-bit nonce and a 128-bit tag, in the v2.40 form of the parameter (NSS refuses the older one). */
export function gcmMechanism({ ck }: Library, iv: Buffer, aad: Buffer) {
  return {
    mechanism: ck.CKM_AES_GCM,
    parameter: { type: ck.CK_PARAMS_AES_GCM_v240, iv, ivBits: 96, aad, tagBits: 128 },
  };
}

/** A key that encrypts and decrypts and can do nothing else, above all not leave and not wrap others. */
export function keyTemplate({ ck }: Library, isTokenObject: boolean, id: string | null) {
  return [
    { type: ck.CKA_CLASS, value: ck.CKO_SECRET_KEY },
    { type: ck.CKA_KEY_TYPE, value: ck.CKK_AES },
    { type: ck.CKA_VALUE_LEN, value: 32 },
    { type: ck.CKA_TOKEN, value: isTokenObject },
    { type: ck.CKA_PRIVATE, value: true },
    { type: ck.CKA_SENSITIVE, value: true },
    { type: ck.CKA_EXTRACTABLE, value: false },
    { type: ck.CKA_ENCRYPT, value: true },
    { type: ck.CKA_DECRYPT, value: true },
    { type: ck.CKA_WRAP, value: false },
    { type: ck.CKA_UNWRAP, value: false },
    { type: ck.CKA_SIGN, value: false },
    { type: ck.CKA_VERIFY, value: false },
    { type: ck.CKA_DERIVE, value: false },
    ...(id === null
      ? []
      : [
          { type: ck.CKA_ID, value: Buffer.from(id) },
          { type: ck.CKA_LABEL, value: `edge-kms ${id}` },
        ]),
  ];
}

export class Token {
  readonly #library: Library;
  readonly #sessions: Sessions;
  readonly pairs: Pairs;
  readonly #alone = new KeyedMutex();
  /** Handles by id: C_FindObjects is linear in the number of keys. Good for one login. */
  #handles = new Map<string, Handle>();
  #handlesLogin = -1;

  constructor(library: Library, sessions: Sessions) {
    this.#library = library;
    this.#sessions = sessions;
    this.pairs = new Pairs(library, sessions, {
      requirePrivate: (session, id) => this.#require(session, id, library.ck.CKO_PRIVATE_KEY),
      requireFree: (session, id) => this.#requireFree(session, id),
    });
  }

  /**
   * One at a time of what changes the token's objects or searches all of them: SoftHSM fails one creation in twenty (CKR_GENERAL_ERROR,
   * CKR_TEMPLATE_INCONSISTENT) while another session makes, destroys or finds objects.
   */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#alone.run("", work);
  }

  /** Finds an object before it is used, if it was not yet: a search must not meet a creation. An absence shows at the use. */
  async locate(id: string, objectClass = this.#library.ck.CKO_SECRET_KEY): Promise<void> {
    if (this.#cache().has(`${objectClass} ${id}`)) return;
    await this.alone(() =>
      this.#sessions.use(true, (session) => void this.#find(session, id, objectClass)),
    );
  }

  locatePrivate(id: string): Promise<void> {
    return this.locate(id, this.#library.ck.CKO_PRIVATE_KEY);
  }

  async generate(id: string): Promise<void> {
    const { module, ck } = this.#library;
    await this.#sessions.use(false, async (session) => {
      this.#requireFree(session, id);
      const key = await module.C_GenerateKeyAsync(
        session,
        { mechanism: ck.CKM_AES_KEY_GEN },
        keyTemplate(this.#library, true, id),
      );
      if (!isLockedIn(this.#library, session, key)) {
        module.C_DestroyObject(session, key);
        throw new TokenError("internal", "The token made a key that is not locked in.");
      }
      this.#remember(ck.CKO_SECRET_KEY, id, key);
    });
  }

  /** A key made elsewhere, locked in from now on. `key` has 16 or 32 bytes and stays the caller's. */
  async importKey(id: string, key: Buffer): Promise<void> {
    const { module, ck } = this.#library;
    await this.#sessions.use(false, (session) => {
      this.#requireFree(session, id);
      const template = keyTemplate(this.#library, true, id)
        .filter(({ type }) => type !== ck.CKA_VALUE_LEN)
        .concat([{ type: ck.CKA_VALUE, value: key as Buffer<ArrayBuffer> }]);
      const handle = module.C_CreateObject(session, template);
      const flags = module.C_GetAttributeValue(session, handle, [
        { type: ck.CKA_SENSITIVE },
        { type: ck.CKA_EXTRACTABLE },
      ]);
      const isLocked = [1, 0].every(
        (bit, n) => (flags[n]?.value as Buffer | undefined)?.[0] === bit,
      );
      if (!isLocked) {
        module.C_DestroyObject(session, handle);
        throw new TokenError("internal", "The token took a key in without locking it in.");
      }
      this.#remember(ck.CKO_SECRET_KEY, id, handle);
    });
  }

  /** `nonce(12) || ciphertext || tag(16)` in a buffer of the caller's. */
  async encrypt(id: string, plaintext: Buffer, aad: Buffer): Promise<Buffer> {
    await this.locate(id);
    return this.#sessions.use(true, (session) =>
      this.#encrypt(session, this.#require(session, id), plaintext, aad),
    );
  }

  async #encrypt(session: Handle, key: Handle, plaintext: Buffer, aad: Buffer): Promise<Buffer> {
    const { module } = this.#library;
    // From this process's generator (OpenSSL), not the token's: a nonce must be unique, it need not be secret.
    const nonce = randomBytes(NONCE_BYTES);
    module.C_EncryptInit(session, gcmMechanism(this.#library, nonce, aad), key);
    const out = Buffer.alloc(plaintext.length + TAG_BYTES);
    const sealed = await module.C_EncryptAsync(session, plaintext, out);
    if (sealed.length !== plaintext.length + TAG_BYTES) {
      throw new TokenError("internal", "The token answered a ciphertext of the wrong length.");
    }
    return Buffer.concat([nonce, sealed]);
  }

  /** The plaintext, in a buffer that the caller wipes. */
  async decrypt(id: string, sealed: Buffer, aad: Buffer): Promise<Buffer> {
    if (sealed.length <= NONCE_BYTES + TAG_BYTES) throw doesNotOpen();
    await this.locate(id);
    try {
      return await this.#sessions.use(true, (session) =>
        this.#decrypt(session, this.#require(session, id), sealed, aad),
      );
    } catch (error) {
      const value = returnValueOf(error);
      // SoftHSM says CKR_GENERAL_ERROR to a wrong tag. Only if the same key still works is it the bytes' fault.
      const isAmbiguous = value === CKR_GENERAL_ERROR || value === 0x06 || value === 0x20;
      if (value !== null && returnValues[value]?.code === "corrupt") throw doesNotOpen();
      if (isAmbiguous && (await this.#works(id))) throw doesNotOpen();
      throw error;
    }
  }

  async #decrypt(session: Handle, key: Handle, sealed: Buffer, aad: Buffer): Promise<Buffer> {
    const { module } = this.#library;
    const iv = sealed.subarray(0, NONCE_BYTES);
    module.C_DecryptInit(session, gcmMechanism(this.#library, iv, aad), key);
    const ciphertext = sealed.subarray(NONCE_BYTES);
    // Some tokens want room for the whole input.
    const out = Buffer.alloc(ciphertext.length);
    try {
      const plaintext = await module.C_DecryptAsync(session, ciphertext, out);
      if (plaintext.length !== ciphertext.length - TAG_BYTES) {
        throw new TokenError("internal", "The token answered a plaintext of the wrong length.");
      }
      return Buffer.from(plaintext);
    } finally {
      out.fill(0);
    }
  }

  /** One real encryption and decryption under a key. */
  async #works(id: string): Promise<boolean> {
    const probe = randomBytes(16);
    const aad = Buffer.from("edge-kms probe");
    try {
      const opened = await this.#sessions.use(true, async (session) => {
        const key = this.#require(session, id);
        return this.#decrypt(session, key, await this.#encrypt(session, key, probe, aad), aad);
      });
      return opened.equals(probe);
    } catch {
      return false;
    }
  }

  /** All objects of the id: should there ever be two, neither is left. */
  async destroy(id: string): Promise<boolean> {
    const { module, ck } = this.#library;
    return this.#sessions.use(false, (session) => {
      const found = this.#findById(session, id);
      for (const objectClass of [ck.CKO_SECRET_KEY, ck.CKO_PRIVATE_KEY]) {
        this.#cache().delete(`${objectClass} ${id}`);
      }
      for (const handle of found) module.C_DestroyObject(session, handle);
      return found.length > 0;
    });
  }

  has(id: string): Promise<boolean> {
    return this.#sessions.use(true, (session) => this.#findById(session, id).length > 0);
  }

  /** As the token has them, whatever is remembered. */
  #findById(session: Handle, id: string): Handle[] {
    const { ck } = this.#library;
    const found = [ck.CKO_SECRET_KEY, ck.CKO_PRIVATE_KEY].flatMap((objectClass) =>
      this.#findAll(session, [
        { type: ck.CKA_CLASS, value: objectClass },
        { type: ck.CKA_TOKEN, value: true },
        { type: ck.CKA_ID, value: Buffer.from(id) },
      ]),
    );
    if (found.length === 0) this.#sessions.requireLogin(session);
    return found;
  }

  async list(): Promise<readonly StoredObject[]> {
    const { ck } = this.#library;
    return this.#sessions.use(true, (session) =>
      [ck.CKO_SECRET_KEY, ck.CKO_PRIVATE_KEY].flatMap((objectClass) =>
        this.#findKeys(session, objectClass, true).map((handle) => {
          const idText = this.#text(session, handle, "CKA_ID");
          const id = idText !== null && objectIdPattern.test(idText) ? idText : null;
          if (id !== null) this.#remember(objectClass, id, handle);
          return { id, label: this.#text(session, handle, "CKA_LABEL")?.slice(0, 64) ?? null };
        }),
      ),
    );
  }

  /**
   * SoftHSM killed in C_GenerateKey leaves an object of class and type alone (2 of 25 kills while making keys): no id, no
   * label, CKA_VALUE_LEN 0, and CKA_TOKEN false although it comes from a file.
   */
  async removeHollow(): Promise<number> {
    const { module, ck } = this.#library;
    return this.#sessions.use(false, (session) => {
      const hollow = this.#findKeys(session, ck.CKO_SECRET_KEY, false).filter((handle) => {
        if (this.#text(session, handle, "CKA_ID") !== null) return false;
        if (this.#text(session, handle, "CKA_LABEL") !== null) return false;
        const length = this.#attribute(session, handle, ck.CKA_VALUE_LEN);
        return length !== null && length.length > 0 && length.every((byte) => byte === 0);
      });
      for (const handle of hollow) module.C_DestroyObject(session, handle);
      return hollow.length;
    });
  }

  #findKeys(session: Handle, objectClass: number, onlyTokenObjects: boolean): Handle[] {
    const { ck } = this.#library;
    return this.#findAll(session, [
      { type: ck.CKA_CLASS, value: objectClass },
      ...(onlyTokenObjects ? [{ type: ck.CKA_TOKEN, value: true }] : []),
    ]);
  }

  /** An attribute's bytes, or null when the token does not give it. */
  #attribute(session: Handle, handle: Handle, type: number): Buffer | null {
    try {
      const [attribute] = this.#library.module.C_GetAttributeValue(session, handle, [{ type }]);
      return (attribute?.value as Buffer | undefined) ?? null;
    } catch {
      return null;
    }
  }

  #text(session: Handle, handle: Handle, name: "CKA_ID" | "CKA_LABEL"): string | null {
    const value = this.#attribute(session, handle, this.#library.ck[name]);
    return value === null || value.length === 0 ? null : value.toString("utf8");
  }

  random(byteCount: number): Promise<Buffer> {
    return this.#sessions.use(true, (session) =>
      this.#library.module.C_GenerateRandom(session, Buffer.alloc(byteCount)),
    );
  }

  #cache(): Map<string, Handle> {
    if (this.#handlesLogin !== this.#sessions.login) {
      this.#handles = new Map();
      this.#handlesLogin = this.#sessions.login;
    }
    return this.#handles;
  }

  #remember(objectClass: number, id: string, handle: Handle): void {
    this.#cache().set(`${objectClass} ${id}`, handle);
  }

  #requireFree(session: Handle, id: string): void {
    const { ck } = this.#library;
    const isTaken = [ck.CKO_SECRET_KEY, ck.CKO_PRIVATE_KEY].some(
      (objectClass) => this.#find(session, id, objectClass) !== null,
    );
    if (isTaken) throw new TokenError("conflict", "The store has an object of that id.");
  }

  #require(session: Handle, id: string, objectClass?: number): Handle {
    const key = this.#find(session, id, objectClass);
    if (key === null) throw new TokenError("not-found", "The store has no such object.");
    return key;
  }

  /** The handle of an id, or null. Two objects of one id are refused: which one would be chance. */
  #find(session: Handle, id: string, objectClass = this.#library.ck.CKO_SECRET_KEY): Handle | null {
    const cache = this.#cache();
    // Ids are never used for both classes; the prefix keeps a handle of one from being taken for the other.
    const name = `${objectClass} ${id}`;
    const cached = cache.get(name);
    if (cached !== undefined) return cached;
    const { ck } = this.#library;
    const found = this.#findAll(session, [
      { type: ck.CKA_CLASS, value: objectClass },
      { type: ck.CKA_TOKEN, value: true },
      { type: ck.CKA_ID, value: Buffer.from(id) },
    ]);
    if (found.length > 1) throw new TokenError("internal", "The token has two objects of one id.");
    const key = found[0] ?? null;
    // Without a login private objects are not refused, they are not seen: an absence counts only with one.
    if (key === null) this.#sessions.requireLogin(session);
    else cache.set(name, key);
    return key;
  }

  #findAll(session: Handle, template: { type: number; value: number | boolean | Buffer }[]) {
    const { module } = this.#library;
    module.C_FindObjectsInit(session, template);
    const all: Handle[] = [];
    for (;;) {
      const batch = module.C_FindObjects(session, FIND_BATCH);
      all.push(...batch);
      if (batch.length < FIND_BATCH) break;
    }
    module.C_FindObjectsFinal(session);
    return all;
  }
}

function doesNotOpen(): TokenError {
  return new TokenError("corrupt", "The sealed bytes do not open.");
}
