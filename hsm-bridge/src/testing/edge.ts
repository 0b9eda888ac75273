/** An edge instance as the bridge sees it: signs requests with its enrolled key, opens what is sealed to it. */

import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import {
  type BridgeSealingKey,
  bridgeSealingKey,
  type CallerProof,
  type CredentialGrant,
  credentialGrant,
  type HpkeSealed,
  type LeasedKey,
  type LeaseGrant,
  leaseGrant,
  type Operation,
  type OperationResult,
  operationResult,
  preAuthenticationEncoding,
  type SignedMessage,
  type SignedMessageType,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";
import * as v from "valibot";

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

export interface SignedRequest {
  readonly message: SignedMessage;
  readonly requestHash: string;
}

export class TestEdge {
  readonly name: string;
  readonly group: string;
  readonly instance = randomBytes(16).toString("hex");
  readonly #keys = generateKeyPairSync("ed25519");
  readonly #hpke: Awaited<ReturnType<typeof suite.GenerateKeyPair>>;
  readonly hpkePublicKey: string;

  private constructor(
    name: string,
    group: string,
    hpke: Awaited<ReturnType<typeof suite.GenerateKeyPair>>,
    hpkePublicKey: string,
  ) {
    this.name = name;
    this.group = group;
    this.#hpke = hpke;
    this.hpkePublicKey = hpkePublicKey;
  }

  static async make(name: string, group = "group-1"): Promise<TestEdge> {
    const keys = await suite.GenerateKeyPair(true);
    const raw = await suite.SerializePublicKey(keys.publicKey);
    return new TestEdge(name, group, keys, Buffer.from(raw).toString("base64"));
  }

  get publicKey(): string {
    return rawKey(this.#keys.publicKey);
  }

  /** A signed lease request; `changes` replaces fields before signing. */
  leaseRequest(keys: readonly LeasedKey[], changes: object = {}): SignedRequest {
    return this.sign(signedMessageTypes.leaseRequest, {
      edge: this.name,
      instance: this.instance,
      nonce: randomBytes(16).toString("hex"),
      timeMs: Date.now(),
      hpkePublicKey: this.hpkePublicKey,
      auditHead: { seq: 0, hash: "0".repeat(64) },
      keys,
      ...changes,
    });
  }

  credentialRequest(proof: CallerProof, changes: object = {}): SignedRequest {
    return this.sign(signedMessageTypes.credentialRequest, {
      edge: this.name,
      instance: this.instance,
      nonce: randomBytes(16).toString("hex"),
      timeMs: Date.now(),
      hpkePublicKey: this.hpkePublicKey,
      proof,
      ...changes,
    });
  }

  /**
   * A credential request with a v1 proof sealed to a key as `status` answers it. `changes` are made after the sealing,
   * `proofChanges` to the sealed proof.
   */
  async sealedCredentialRequest(
    { secretId, method, stringsToSign, signature }: CallerProof,
    { publicKey, keyId }: BridgeSealingKey,
    changes: object = {},
    proofChanges: object = {},
  ): Promise<SignedRequest> {
    const nonce = randomBytes(16).toString("hex");
    const recipient = await suite.DeserializePublicKey(Buffer.from(publicKey, "base64"));
    const { encapsulatedSecret, ciphertext } = await suite.Seal(
      recipient,
      Buffer.from(JSON.stringify({ stringsToSign, signature })),
      {
        info: Buffer.from("edge-kms/caller-proof/1"),
        aad: Buffer.from(`${this.name}:${this.instance}:${nonce}`),
      },
    );
    const sealed = {
      kem: 0x0020,
      enc: Buffer.from(encapsulatedSecret).toString("base64"),
      ciphertext: Buffer.from(ciphertext).toString("base64"),
    };
    return this.sign(signedMessageTypes.credentialRequest, {
      edge: this.name,
      instance: this.instance,
      nonce,
      timeMs: Date.now(),
      hpkePublicKey: this.hpkePublicKey,
      proof: { secretId, method, sealingKeyId: keyId, sealed, ...proofChanges },
      ...changes,
    });
  }

  /** An operation request with operands sealed to a key as `status` answers it; `changes` are made after the sealing. */
  async operationRequest(
    operation: Operation,
    operands: Uint8Array,
    { publicKey, keyId }: BridgeSealingKey,
    changes: object = {},
  ): Promise<SignedRequest> {
    const nonce = randomBytes(16).toString("hex");
    const recipient = await suite.DeserializePublicKey(Buffer.from(publicKey, "base64"));
    const { encapsulatedSecret, ciphertext } = await suite.Seal(recipient, operands, {
      info: Buffer.from("edge-kms/operands/1"),
      aad: Buffer.from(`${this.name}:${nonce}`),
    });
    return this.sign(signedMessageTypes.operationRequest, {
      edge: this.name,
      instance: this.instance,
      nonce,
      timeMs: Date.now(),
      hpkePublicKey: this.hpkePublicKey,
      auditHead: { seq: 0, hash: "0".repeat(64) },
      operation,
      sealingKeyId: keyId,
      sealed: {
        kem: 0x0020,
        enc: Buffer.from(encapsulatedSecret).toString("base64"),
        ciphertext: Buffer.from(ciphertext).toString("base64"),
      },
      ...changes,
    });
  }

  sign(type: SignedMessageType, payload: object): SignedRequest {
    const bytes = Buffer.from(JSON.stringify(payload));
    const signature = sign(null, preAuthenticationEncoding(type, bytes), this.#keys.privateKey);
    return {
      message: { type, payload: bytes.toString("base64"), signature: signature.toString("base64") },
      requestHash: createHash("sha256").update(bytes).digest("hex"),
    };
  }

  /** The secret of a grant, which must answer this request. */
  async open(
    sealed: HpkeSealed,
    type: SignedMessageType,
    requestHash: string,
    leaseId: string,
  ): Promise<Buffer> {
    return Buffer.from(
      await suite.Open(
        this.#hpke,
        Buffer.from(sealed.enc, "base64"),
        Buffer.from(sealed.ciphertext, "base64"),
        { info: Buffer.from(type), aad: Buffer.from(`${requestHash}:${leaseId}`) },
      ),
    );
  }
}

export function readLeaseGrant(message: SignedMessage, bridgePublicKey: string): LeaseGrant {
  return v.parse(leaseGrant, verified(message, signedMessageTypes.leaseGrant, bridgePublicKey));
}

export function readOperationResult(
  message: SignedMessage,
  bridgePublicKey: string,
): OperationResult {
  return v.parse(
    operationResult,
    verified(message, signedMessageTypes.operationResult, bridgePublicKey),
  );
}

export function readCredentialGrant(
  message: SignedMessage,
  bridgePublicKey: string,
): CredentialGrant {
  return v.parse(
    credentialGrant,
    verified(message, signedMessageTypes.credentialGrant, bridgePublicKey),
  );
}

export function readSealingKey(message: SignedMessage, bridgePublicKey: string): BridgeSealingKey {
  return v.parse(
    bridgeSealingKey,
    verified(message, signedMessageTypes.bridgeSealingKey, bridgePublicKey),
  );
}

function verified(message: SignedMessage, type: SignedMessageType, publicKeyB64: string): unknown {
  const bytes = Buffer.from(message.payload, "base64");
  const key = createPublicKey({
    key: {
      kty: "OKP",
      crv: "Ed25519",
      x: Buffer.from(publicKeyB64, "base64").toString("base64url"),
    },
    format: "jwk",
  });
  const signature = Buffer.from(message.signature, "base64");
  if (
    message.type !== type ||
    !verify(null, preAuthenticationEncoding(type, bytes), key, signature)
  ) {
    throw new Error("the bridge's signature does not verify");
  }
  return JSON.parse(bytes.toString("utf8"));
}

function rawKey(key: KeyObject): string {
  return key.export({ format: "der", type: "spki" }).subarray(-32).toString("base64");
}
