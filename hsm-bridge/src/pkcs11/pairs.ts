/**
 * Key pairs in a token: made there, the private half never to leave. Public halves go out as SubjectPublicKeyInfo and leave no object
 * behind. Mechanisms of PKCS#11 v2.40: §2.1 (RSA), §2.3 (elliptic curves).
 */

import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import type { PairKind, RsaPadding, SignScheme } from "../key-store.ts";
import { isPkcs1EncodingOf, sha256DigestInfo } from "../pkcs1.ts";
import type { Handle, Library } from "./library.ts";
import { isLockedIn } from "./locked-in.ts";
import {
  CKR_ARGUMENTS_BAD,
  CKR_MECHANISM_INVALID,
  CKR_MECHANISM_PARAM_INVALID,
  returnValueOf,
  returnValues,
  TokenError,
} from "./return-values.ts";
import type { Sessions } from "./sessions.ts";

type Mechanism = import("pkcs11js").Mechanism;

const RSA_BYTES = 256;
/** DER of the named curves (RFC 5480 §2.1.1.1), as CKA_EC_PARAMS wants them, and the bytes of r and s. */
const curves = {
  "p-256-sign": { params: "06082a8648ce3d030107", jwk: "P-256", bytes: 32 },
  "p-384-sign": { params: "06052b81040022", jwk: "P-384", bytes: 48 },
} as const;
/** CKG_MGF1_SHA1 and CKG_MGF1_SHA256. */
const MGF1_SHA1 = 1;
const MGF1_SHA256 = 2;

/** What the objects of an id are found and kept by. */
export interface ObjectFinder {
  /** The private key of an id in this session's login. */
  requirePrivate(session: Handle, id: string): Handle;
  /** Throws `conflict` when the id is taken. */
  requireFree(session: Handle, id: string): void;
}

export class Pairs {
  readonly #library: Library;
  readonly #sessions: Sessions;
  readonly #finder: ObjectFinder;

  constructor(library: Library, sessions: Sessions, finder: ObjectFinder) {
    this.#library = library;
    this.#sessions = sessions;
    this.#finder = finder;
  }

  /** SubjectPublicKeyInfo in DER. */
  generate(id: string, kind: PairKind): Promise<Buffer> {
    const { module, ck } = this.#library;
    return this.#sessions.use(false, async (session) => {
      this.#finder.requireFree(session, id);
      const isRsa = kind === "rsa-2048-decrypt" || kind === "rsa-2048-sign";
      const publicTemplate = [
        // Of the session alone: what is needed of it is read at once.
        { type: ck.CKA_TOKEN, value: false },
        ...(isRsa
          ? [
              { type: ck.CKA_MODULUS_BITS, value: RSA_BYTES * 8 },
              { type: ck.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
            ]
          : [{ type: ck.CKA_EC_PARAMS, value: Buffer.from(curves[kind].params, "hex") }]),
      ];
      const pair = await module.C_GenerateKeyPairAsync(
        session,
        { mechanism: isRsa ? ck.CKM_RSA_PKCS_KEY_PAIR_GEN : ck.CKM_EC_KEY_PAIR_GEN },
        publicTemplate,
        this.#privateTemplate(id, kind === "rsa-2048-decrypt"),
      );
      const { publicKey, privateKey } = pair;
      try {
        if (!isLockedIn(this.#library, session, privateKey)) {
          throw new TokenError("internal", "The token made a private key that is not locked in.");
        }
        const spki = isRsa
          ? this.#rsaSpki(session, publicKey)
          : this.#curveSpki(session, publicKey, kind);
        module.C_DestroyObject(session, publicKey);
        return spki;
      } catch (error) {
        module.C_DestroyObject(session, privateKey);
        throw error;
      }
    });
  }

  #privateTemplate(id: string, isForDecryption: boolean) {
    const { ck } = this.#library;
    return [
      { type: ck.CKA_TOKEN, value: true },
      { type: ck.CKA_PRIVATE, value: true },
      { type: ck.CKA_SENSITIVE, value: true },
      { type: ck.CKA_EXTRACTABLE, value: false },
      { type: ck.CKA_DECRYPT, value: isForDecryption },
      { type: ck.CKA_SIGN, value: !isForDecryption },
      // Tokens take what is not named for permitted.
      { type: ck.CKA_SIGN_RECOVER, value: false },
      { type: ck.CKA_UNWRAP, value: false },
      { type: ck.CKA_DERIVE, value: false },
      { type: ck.CKA_ID, value: Buffer.from(id) },
      { type: ck.CKA_LABEL, value: `edge-kms ${id}` },
    ];
  }

  #rsaSpki(session: Handle, key: Handle): Buffer {
    const { module, ck } = this.#library;
    const [n, e] = module
      .C_GetAttributeValue(session, key, [
        { type: ck.CKA_MODULUS },
        { type: ck.CKA_PUBLIC_EXPONENT },
      ])
      .map(({ value }) => (value as Buffer).toString("base64url"));
    return spkiOf({ kty: "RSA", n: n ?? "", e: e ?? "" });
  }

  #curveSpki(session: Handle, key: Handle, kind: keyof typeof curves): Buffer {
    const { module, ck } = this.#library;
    const [attribute] = module.C_GetAttributeValue(session, key, [{ type: ck.CKA_EC_POINT }]);
    const { jwk, bytes } = curves[kind];
    const value = attribute?.value as Buffer;
    // An OCTET STRING around the uncompressed point (§2.3.3); some tokens leave the wrapping out.
    const point = value.subarray(value.length - 2 * bytes);
    if (value[value.length - 2 * bytes - 1] !== 0x04) {
      throw new TokenError("internal", "The token answered a public key of another form.");
    }
    return spkiOf({
      kty: "EC",
      crv: jwk,
      x: point.subarray(0, bytes).toString("base64url"),
      y: point.subarray(bytes).toString("base64url"),
    });
  }

  /** The plaintext, which the caller wipes. `corrupt` for a ciphertext that is not one under the key. */
  async rsaDecrypt(id: string, padding: RsaPadding, ciphertext: Buffer): Promise<Buffer> {
    if (ciphertext.length !== RSA_BYTES) throw doesNotOpen();
    switch (padding) {
      case "pkcs1":
        return this.#decryptPkcs1(id, ciphertext);
      case "oaep-sha1":
        return this.#decrypt(id, padding, ciphertext);
      case "oaep-sha256":
        try {
          return await this.#decrypt(id, padding, ciphertext);
        } catch (error) {
          // SoftHSM has OAEP over SHA-1 only and says CKR_ARGUMENTS_BAD to any other.
          const value = returnValueOf(error);
          if (value !== CKR_ARGUMENTS_BAD && !isMechanismMissing(value)) throw error;
          return this.#decryptOaepSha256Outside(id, ciphertext);
        }
    }
  }

  /**
   * Padding is removed in the token. Newer ones answer wrong padding with made-up plaintext ("implicit rejection"), which here would
   * become somebody's key or data: the encoded message is fetched as well, and must be the encoding of what was answered. A token
   * without RSADP alone does no PKCS#1 here: whether it tells wrong padding cannot be known.
   */
  async #decryptPkcs1(id: string, ciphertext: Buffer): Promise<Buffer> {
    const plaintext = await this.#decrypt(id, "pkcs1", ciphertext);
    let encoded: Buffer | null = null;
    let isGenuine = false;
    try {
      encoded = await this.#decrypt(id, "none", ciphertext);
      isGenuine = isPkcs1EncodingOf(encoded, plaintext);
    } finally {
      encoded?.fill(0);
      if (!isGenuine) plaintext.fill(0);
    }
    if (isGenuine) return plaintext;
    throw doesNotOpen();
  }

  #mechanism(padding: RsaPadding | "none"): Mechanism {
    const { ck } = this.#library;
    switch (padding) {
      case "none":
        return { mechanism: ck.CKM_RSA_X_509 };
      case "pkcs1":
        return { mechanism: ck.CKM_RSA_PKCS };
      case "oaep-sha1":
        return this.#oaep(ck.CKM_SHA_1, MGF1_SHA1);
      case "oaep-sha256":
        return this.#oaep(ck.CKM_SHA256, MGF1_SHA256);
    }
  }

  #oaep(hashAlg: number, mgf: number) {
    const { ck } = this.#library;
    const parameter = { type: ck.CK_PARAMS_RSA_OAEP, hashAlg, mgf, source: 1, sourceData: null };
    return { mechanism: ck.CKM_RSA_PKCS_OAEP, parameter };
  }

  /** Without padding: RSADP (RFC 8017 §5.1.2), the encoded message in 256 bytes. */
  async #decrypt(id: string, padding: RsaPadding | "none", ciphertext: Buffer): Promise<Buffer> {
    try {
      return await this.#sessions.use(true, async (session) => {
        const key = this.#finder.requirePrivate(session, id);
        if (!this.#isInRange(session, key, ciphertext)) throw doesNotOpen();
        return this.#decryptIn(session, key, padding, ciphertext);
      });
    } catch (error) {
      const value = returnValueOf(error);
      if (value === null) throw error;
      if (refusals.has(value) || returnValues[value]?.code === "corrupt") throw doesNotOpen();
      // SoftHSM says CKR_GENERAL_ERROR to wrong padding, others to trouble. Only if the same key still works is it the bytes' fault.
      if (ambiguous.has(value) && (await this.#works(id, padding))) throw doesNotOpen();
      throw error;
    }
  }

  async #decryptIn(
    session: Handle,
    key: Handle,
    padding: RsaPadding | "none",
    ciphertext: Buffer,
  ): Promise<Buffer> {
    const { module } = this.#library;
    const out = Buffer.alloc(RSA_BYTES);
    try {
      module.C_DecryptInit(session, this.#mechanism(padding), key);
      const opened = await module.C_DecryptAsync(session, ciphertext, out);
      // Some tokens leave the zeros out that an encoded message begins with.
      const length = padding === "none" ? RSA_BYTES : opened.length;
      const own = Buffer.alloc(length);
      own.set(opened, length - opened.length);
      return own;
    } finally {
      out.fill(0);
    }
  }

  /** One real decryption under a key. */
  async #works(id: string, padding: RsaPadding | "none"): Promise<boolean> {
    const probe = Buffer.concat([
      Buffer.of(0),
      randomBytes((padding === "none" ? RSA_BYTES : 33) - 1),
    ]);
    try {
      const opened = await this.#sessions.use(true, (session) => {
        const key = this.#finder.requirePrivate(session, id);
        const spki = this.#rsaSpki(session, key);
        const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
        const ciphertext = publicEncrypt({ key: publicKey, ...openSslPaddings[padding] }, probe);
        return this.#decryptIn(session, key, padding, ciphertext);
      });
      return opened.equals(probe);
    } catch {
      return false;
    }
  }

  /**
   * Whether a ciphertext is below the modulus (RFC 8017 §5.1.2, step 1). NSS answers others with made-up plaintext, or with
   * CKR_ARGUMENTS_BAD, which would look like a missing mechanism.
   */
  #isInRange(session: Handle, key: Handle, ciphertext: Buffer): boolean {
    const { module, ck } = this.#library;
    const [attribute] = module.C_GetAttributeValue(session, key, [{ type: ck.CKA_MODULUS }]);
    const modulus = (attribute?.value as Buffer | undefined)?.subarray(-RSA_BYTES);
    if (modulus?.length !== RSA_BYTES) {
      throw new TokenError("internal", "The token does not tell the modulus of a key.");
    }
    return ciphertext.compare(modulus) < 0;
  }

  /**
   * RSADP in the token, the rest of RSAES-OAEP in OpenSSL, in constant time: the encoded message is encrypted without padding to a key
   * of this process, whose decryption with padding then decodes it. A valid encoding begins with a zero octet (RFC 8017 §7.1.2, step
   * 3g). With another it could be above the other key's modulus and end sooner, and who sees that decrypts with some thousand
   * questions (Manger, CRYPTO 2001): the octet is set to zero, remembered, and judged when all else is done.
   */
  async #decryptOaepSha256Outside(id: string, ciphertext: Buffer): Promise<Buffer> {
    const encoded = await this.#decrypt(id, "none", ciphertext);
    const first = encoded[0];
    encoded[0] = 0;
    let plaintext: Buffer | null = null;
    try {
      const { publicKey, privateKey } = decodingPair();
      const again = publicEncrypt({ key: publicKey, ...openSslPaddings.none }, encoded);
      plaintext = privateDecrypt({ key: privateKey, ...openSslPaddings["oaep-sha256"] }, again);
    } catch {
      // told below
    } finally {
      encoded.fill(0);
    }
    if (plaintext !== null && first === 0) return plaintext;
    plaintext?.fill(0);
    throw doesNotOpen();
  }

  /** RSA: 256 bytes. Curves: r || s. `digest` has 32 bytes, 48 for P-384. */
  sign(id: string, scheme: SignScheme, digest: Buffer): Promise<Buffer> {
    const { module, ck } = this.#library;
    const input =
      scheme === "rsa-pkcs1-sha256" ? Buffer.concat([sha256DigestInfo, digest]) : digest;
    const mechanism = {
      "rsa-pkcs1-sha256": { mechanism: ck.CKM_RSA_PKCS },
      "rsa-pss-sha256": {
        mechanism: ck.CKM_RSA_PKCS_PSS,
        parameter: {
          type: ck.CK_PARAMS_RSA_PSS,
          hashAlg: ck.CKM_SHA256,
          mgf: MGF1_SHA256,
          saltLen: 32,
        },
      },
      ecdsa: { mechanism: ck.CKM_ECDSA },
    }[scheme];
    return this.#sessions.use(true, async (session) => {
      const key = this.#finder.requirePrivate(session, id);
      module.C_SignInit(session, mechanism, key);
      return Buffer.from(await module.C_SignAsync(session, input, Buffer.alloc(RSA_BYTES)));
    });
  }
}

const isMechanismMissing = (value: number | null): boolean =>
  value === CKR_MECHANISM_INVALID || value === CKR_MECHANISM_PARAM_INVALID;
/** What tokens say to wrong padding beside the codes for it: CKR_DATA_INVALID, CKR_DATA_LEN_RANGE. */
const refusals: ReadonlySet<number> = new Set([32, 33]);
/** CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED. */
const ambiguous: ReadonlySet<number> = new Set([5, 6]);

const openSslPaddings = {
  none: { padding: constants.RSA_NO_PADDING },
  pkcs1: { padding: constants.RSA_PKCS1_PADDING },
  "oaep-sha1": { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
  "oaep-sha256": { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
} as const;

function spkiOf(jwk: Record<string, string>): Buffer {
  return createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "der" });
}

let pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | null = null;

/** Only takes encodings apart; nothing is ever encrypted to it from outside. */
function decodingPair() {
  pair ??= generateKeyPairSync("rsa", { modulusLength: RSA_BYTES * 8 });
  return pair;
}

function doesNotOpen(): TokenError {
  return new TokenError("corrupt", "The ciphertext does not decrypt.");
}
