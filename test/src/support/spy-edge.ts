/** An edge of the test's own: enrolled like any other, it may ask the bridge itself, and shows what a forger gets. */

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BridgeClient, createBridgeClient } from "@edge-kms/hsm-bridge";
import {
  base64Decode,
  base64Encode,
  type LeasedKey,
  type LeaseGrant,
  preAuthenticationEncoding,
  type SignedMessage,
  signedMessageTypes,
  utf8Encode,
} from "@edge-kms/protocol";
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";
import type { System } from "./system.ts";

const hpke = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

/** A client of the bridge in one of its two roles, with the certificates in the home. */
export function bridgeClient(system: System, role: "control-plane" | "operator"): BridgeClient {
  const read = (name: string) => readFileSync(join(system.home, "pki", name), "utf8");
  return createBridgeClient({
    url: `https://127.0.0.1:${system.port + 2}`,
    ca: read("ca.crt"),
    cert: read(`${role}.crt`),
    key: read(`${role}.key`),
  });
}

export class SpyEdge {
  readonly edge: string;
  readonly keys = generateKeyPairSync("ed25519");
  readonly instance = randomBytes(16).toString("hex");
  #hpkeKeys: Awaited<ReturnType<typeof hpke.GenerateKeyPair>> | null = null;

  constructor(edge: string) {
    this.edge = edge;
  }

  async enroll(operator: BridgeClient, account: string, group: string): Promise<void> {
    const { x } = this.keys.publicKey.export({ format: "jwk" });
    await operator.call("enrollEdge", {
      edge: this.edge,
      publicKey: Buffer.from(x ?? "", "base64url").toString("base64"),
      accounts: [account],
      regions: ["ap-singapore", "ap-guangzhou"],
      group,
    });
  }

  /** A signed lease request; `change` alters the payload before it is signed. */
  async request(
    keys: readonly LeasedKey[],
    change: Readonly<Record<string, unknown>> = {},
  ): Promise<SignedMessage> {
    this.#hpkeKeys ??= await hpke.GenerateKeyPair();
    const payload = utf8Encode(
      JSON.stringify({
        edge: this.edge,
        instance: this.instance,
        nonce: randomBytes(16).toString("hex"),
        timeMs: Date.now(),
        hpkePublicKey: base64Encode(await hpke.SerializePublicKey(this.#hpkeKeys.publicKey)),
        auditHead: { seq: 0, hash: "0".repeat(64) },
        keys,
        ...change,
      }),
    );
    const type = signedMessageTypes.leaseRequest;
    const signature = sign(null, preAuthenticationEncoding(type, payload), this.keys.privateKey);
    return { type, payload: base64Encode(payload), signature: signature.toString("base64") };
  }

  /** Opens the branch key of a grant. */
  async open(grant: SignedMessage): Promise<{ grant: LeaseGrant; key: Uint8Array }> {
    const payload = base64Decode(grant.payload) ?? new Uint8Array();
    const content = JSON.parse(Buffer.from(payload).toString("utf8")) as LeaseGrant;
    if (!this.#hpkeKeys) throw new Error("ask first");
    const key = await hpke.Open(
      this.#hpkeKeys,
      base64Decode(content.sealed.enc) ?? new Uint8Array(),
      base64Decode(content.sealed.ciphertext) ?? new Uint8Array(),
      {
        info: utf8Encode(signedMessageTypes.leaseGrant),
        aad: utf8Encode(`${content.requestHash}:${content.leaseId}`),
      },
    );
    return { grant: content, key };
  }
}

/** What a control plane may permit for one key. */
export const permitted = (counter: number, generation: number) => ({
  index: 0,
  epoch: { generation, counter },
  limits: {
    refreshAfterMs: 1000,
    expiresAfterMs: 2000,
    maxOperations: 10,
    maxUnacknowledged: 10,
  },
});
