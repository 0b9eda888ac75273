/**
 * A bridge for tests, in memory, at our own border: requests and answers are held against the schemas of `bridgeApi`. It
 * judges signatures for real, and says which calls it has had.
 */

import { createHmac, generateKeyPairSync, randomBytes } from "node:crypto";
import {
  type BridgeCall,
  type BridgeErrorCode,
  type BridgeRequest,
  type BridgeResponse,
  bridgeApi,
  type CallerProof,
  type CredentialGrant,
  type CredentialRequest,
  type Epoch,
  hexEncode,
  type LeaseGrant,
  type LeaseLimits,
  type LeaseRequest,
  type OperationRequest,
  type Principal,
  type SignedMessage,
  signedMessageTypes,
  tc3SigningKey,
  verifyTc3WithSigningKey,
  verifyV1WithSecretKey,
} from "@edge-kms/protocol";
import * as v from "valibot";
import type { Bridge } from "../bridge/client.ts";
import { BridgeError, type BridgeFailure } from "../bridge/errors.ts";
import { exportPublicKey } from "../signed-messages/ed25519.ts";
import { signMessage } from "../signed-messages/signed-messages.ts";

type Handlers = {
  [C in BridgeCall]?: (request: v.InferOutput<(typeof bridgeApi)[C]["request"]>) => unknown;
};

type Freeze = BridgeResponse<"listFreezes">["freezes"][number];

export interface FakeEdge {
  readonly edge: string;
  readonly publicKey: string;
  readonly accounts: string[];
  readonly regions: string[];
  frozen: boolean;
}

const hmac = (hash: string) => (key: Uint8Array, bytes: Uint8Array) =>
  createHmac(hash, key).update(bytes).digest();

const hashes = { HmacSHA256: "sha256", HmacSHA1: "sha1" } as const;

export class FakeBridge implements Bridge {
  readonly identity = generateKeyPairSync("ed25519");
  readonly calls: { readonly name: BridgeCall; readonly request: unknown }[] = [];
  readonly edges: FakeEdge[] = [];
  readonly made = new Map<string, string>();
  readonly abandoned: string[] = [];
  readonly seen = new Map<string, number>();
  /** Versions of keys that were rotated. */
  readonly versions = new Map<string, number>();
  /** Dates of destruction. */
  readonly dates = new Map<string, number>();
  readonly destroyed = new Set<string>();
  /** Of keys with imported material, null while they have none; and what each had first. */
  readonly materials = new Map<string, string | null>();
  readonly fingerprints = new Map<string, string>();
  /** Keys whose leases are refused, with which code. */
  readonly refusedLeases = new Map<string, BridgeErrorCode>();
  readonly freezes: Freeze[] = [];
  /** Freezes and unfreezes so far. */
  freezesRevision = 0;
  /** The bridge's own time, for its dates. */
  clock: () => number = Date.now;
  generation = 1;
  readonly #secrets = new Map<string, string>();
  readonly #failures = new Map<BridgeCall, BridgeFailure[]>();
  tokens: BridgeResponse<"status">["tokens"] = [];
  /** Runs before the answer to a call; for races. */
  before: (name: BridgeCall) => Promise<void> = async () => {};

  /** What an operator does. */
  freeze(kind: Freeze["kind"], id: string): void {
    this.freezesRevision += 1;
    this.freezes.push({ kind, id, reason: "test", frozenAtMs: this.freezesRevision });
    const edge = this.edges.find((row) => kind === "edge" && row.edge === id);
    if (edge !== undefined) edge.frozen = true;
  }

  unfreeze(kind: Freeze["kind"], id: string): void {
    const place = this.freezes.findIndex((freeze) => freeze.kind === kind && freeze.id === id);
    if (place < 0) throw new BridgeError("unfreeze", "not-found");
    this.freezesRevision += 1;
    this.freezes.splice(place, 1);
    const edge = this.edges.find((row) => kind === "edge" && row.edge === id);
    if (edge !== undefined) edge.frozen = false;
  }

  /** The next calls of that name fail, one for each code. */
  failNext(name: BridgeCall, ...codes: BridgeFailure[]): void {
    this.#failures.set(name, [...(this.#failures.get(name) ?? []), ...codes]);
  }

  /** An access key, as an operator makes it. */
  makeCredential(principal: Principal): { secretId: string; secretKey: string; sealed: string } {
    const secretId = `AKID${randomBytes(16).toString("hex")}`;
    const secretKey = randomBytes(16).toString("hex");
    const sealed = randomBytes(64).toString("base64");
    this.#secrets.set(`${secretId}:${JSON.stringify(principal)}:${sealed}`, secretKey);
    return { secretId, secretKey, sealed };
  }

  async call<C extends BridgeCall>(name: C, request: BridgeRequest<C>): Promise<BridgeResponse<C>> {
    const parsed = v.parse(bridgeApi[name].request, request) as never;
    this.calls.push({ name, request: parsed });
    await this.before(name);
    const failure = this.#failures.get(name)?.shift();
    if (failure !== undefined) throw new BridgeError(name, failure);
    const handler = this.#handlers[name] as ((request: never) => unknown) | undefined;
    if (handler === undefined) throw new BridgeError(name, "not-permitted");
    return v.parse(bridgeApi[name].response, handler(parsed)) as BridgeResponse<C>;
  }

  async close(): Promise<void> {}

  readonly #handlers: Handlers = {
    status: () => ({
      store: "software",
      tokens: this.tokens,
      generation: this.generation,
      startedAtMs: 0,
      publicKey: exportPublicKey(this.identity.privateKey),
      sealingKey: signMessage(
        signedMessageTypes.bridgeSealingKey,
        { publicKey: "", keyId: "00".repeat(8), madeAtMs: 0 },
        this.identity.privateKey,
      ),
      epochs: [...this.seen].map(([account, counter]) => ({ account, counter })),
      freezesRevision: this.freezesRevision,
    }),
    listFreezes: () => ({ revision: this.freezesRevision, freezes: this.freezes }),
    health: () => ({ store: "software", tookMs: 1 }),
    createKey: ({ keyId, account }) => {
      this.made.set(keyId, account);
      return { version: 1, createdAtMs: 1_700_000_000_000, store: "software" };
    },
    createExternalKey: ({ keyId, account }) => {
      this.made.set(keyId, account);
      this.materials.set(keyId, null);
      return { createdAtMs: 1_700_000_000_000, store: "software" };
    },
    createKeyPair: ({ account, region, keyId, usage }) => {
      this.made.set(keyId, account);
      const content = { account, region, keyId, version: 1, usage, publicKey: "MAA=" };
      const { publicKey: type } = signedMessageTypes;
      const statement = signMessage(type, content, this.identity.privateKey);
      return { version: 1, createdAtMs: 1_700_000_000_000, store: "software", statement };
    },
    importParameters: ({ keyId, algorithm }) => {
      this.#requireKey("importParameters", keyId);
      const token = Buffer.from(`${keyId}:${algorithm}`).toString("base64");
      return { token, publicKey: "MAA=", validToMs: this.clock() + 86_400_000 };
    },
    // Wrapping is the real bridge's to judge: what comes is taken as the material itself.
    importMaterial: ({ keyId, token, material }) => {
      this.#requireKey("importMaterial", keyId);
      const [tokenKeyId] = Buffer.from(token, "base64").toString("utf8").split(":");
      if (tokenKeyId !== keyId) throw new BridgeError("importMaterial", "import-token");
      const before = this.fingerprints.get(keyId) ?? material;
      if (before !== material) throw new BridgeError("importMaterial", "import-mismatch");
      this.fingerprints.set(keyId, material);
      this.materials.set(keyId, material);
      return { version: 1, store: "software" };
    },
    deleteMaterial: ({ keyId }) => {
      this.#requireKey("deleteMaterial", keyId);
      this.materials.set(keyId, null);
      return {};
    },
    abandonKey: ({ keyId }) => {
      this.abandoned.push(keyId);
      if (!this.made.delete(keyId)) throw new BridgeError("abandonKey", "not-found");
      return {};
    },
    rotateKey: ({ keyId, version }) => {
      this.#requireKey("rotateKey", keyId);
      const newest = this.versions.get(keyId) ?? 1;
      if (version > newest + 1) throw new BridgeError("rotateKey", "conflict");
      this.versions.set(keyId, Math.max(newest, version));
      return { version: Math.max(newest, version), createdAtMs: 1, store: "software" };
    },
    scheduleDestruction: ({ keyId, notBeforeMs }) => {
      this.#requireKey("scheduleDestruction", keyId);
      const earliestMs = this.dates.get(keyId) ?? this.clock() + 7 * 86_400_000;
      this.dates.set(keyId, Math.max(notBeforeMs, earliestMs));
      return { notBeforeMs: this.dates.get(keyId) };
    },
    cancelDestruction: ({ keyId }) => {
      this.#requireKey("cancelDestruction", keyId);
      this.dates.delete(keyId);
      return {};
    },
    destroyKey: ({ keyId }) => {
      const versions = this.versions.get(keyId) ?? 1;
      if (this.destroyed.has(keyId)) return { versions, branches: 0 };
      this.#requireKey("destroyKey", keyId);
      const date = this.dates.get(keyId);
      if (date === undefined) throw new BridgeError("destroyKey", "conflict");
      if (this.clock() < date) throw new BridgeError("destroyKey", "too-early");
      this.destroyed.add(keyId);
      return { versions, branches: 0 };
    },
    listEdges: () => ({
      edges: this.edges.map((edge) => ({ ...edge, group: "default", enrolledAtMs: 0 })),
    }),
    resealCredential: ({ secretId, principal, sealed }) => {
      const name = (form: string) => `${secretId}:${JSON.stringify(principal)}:${form}`;
      const secretKey = this.#secrets.get(name(sealed));
      if (secretKey === undefined) throw new BridgeError("resealCredential", "corrupt");
      const again = randomBytes(64).toString("base64");
      this.#secrets.set(name(again), secretKey);
      return { sealed: again };
    },
    verifyCredential: ({ proof, principal, sealed }) => ({
      valid: this.#isTrue(proof, principal, sealed),
    }),
    lease: ({ request, permitted }) => {
      const payload = payloadOf<LeaseRequest>(request);
      return {
        results: permitted.map(({ index, epoch, limits }) => {
          const key = payload.keys[index];
          if (key === undefined) throw new BridgeError("lease", "bad-request");
          if (this.#isStale(key.account, epoch)) return leaseError(index, "stale-epoch");
          this.seen.set(key.account, epoch.counter);
          if (!this.made.has(key.keyId)) return leaseError(index, "not-found");
          if (this.destroyed.has(key.keyId)) return leaseError(index, "destroyed");
          const refusal = this.refusedLeases.get(key.keyId);
          if (refusal !== undefined) return leaseError(index, refusal);
          const newest = this.versions.get(key.keyId) ?? 1;
          if (key.purpose === "decrypt" && key.version > newest) {
            return leaseError(index, "not-found");
          }
          if (this.#isFrozen(payload.edge, key.account, key.keyId)) {
            return leaseError(index, "frozen");
          }
          const branch = { version: newest, branch: "00".repeat(8), suite: 1 as const, ...key };
          return { index, grant: this.#leaseGrant(request, branch, index, epoch, limits) };
        }),
      };
    },
    operate: ({ request, epoch }) => {
      const { operation, sealingKeyId } = payloadOf<OperationRequest>(request);
      if (sealingKeyId !== "00".repeat(8)) throw new BridgeError("operate", "sealing-key-changed");
      if (this.#isStale(operation.account, epoch)) throw new BridgeError("operate", "stale-epoch");
      this.seen.set(operation.account, epoch.counter);
      if (!this.made.has(operation.keyId)) throw new BridgeError("operate", "not-found");
      const { operationResult: type } = signedMessageTypes;
      return { result: signMessage(type, { ...operation, epoch }, this.identity.privateKey) };
    },
    leaseCredential: ({ request, principal, sealed, epoch, limits }) => {
      const { proof, edge } = payloadOf<CredentialRequest>(request);
      if (this.#isFrozen(edge, principal.account)) {
        throw new BridgeError("leaseCredential", "frozen");
      }
      if (this.#isStale(principal.account, epoch)) {
        throw new BridgeError("leaseCredential", "stale-epoch");
      }
      // What is sealed is the real bridge's to judge.
      if (!("sealed" in proof) && !this.#isTrue(proof, principal, sealed)) {
        throw new BridgeError("leaseCredential", "bad-signature");
      }
      const { maxUnacknowledged } = limits;
      const grant: CredentialGrant = {
        ...this.#terms(request, limits),
        secretId: proof.secretId,
        date: "date" in proof ? proof.date : "",
        service: "service" in proof ? proof.service : "",
        principal,
        maxUnacknowledged,
        epoch,
        sealed: null,
      };
      const type = signedMessageTypes.credentialGrant;
      return { grant: signMessage(type, grant, this.identity.privateKey) };
    },
  };

  #leaseGrant(
    request: SignedMessage,
    branch: Pick<LeaseGrant, "account" | "region" | "keyId" | "version" | "branch" | "suite">,
    index: number,
    epoch: Epoch,
    limits: LeaseLimits,
  ): SignedMessage {
    const { account, region, keyId, version, suite } = branch;
    const grant: LeaseGrant = {
      ...this.#terms(request, limits),
      index,
      group: "default",
      account,
      region,
      keyId,
      version,
      branch: branch.branch,
      suite,
      maxOperations: limits.maxOperations,
      maxUnacknowledged: limits.maxUnacknowledged,
      epoch,
      store: "software",
      sealed: { kem: 0x0020, enc: "", ciphertext: "" },
    };
    return signMessage(signedMessageTypes.leaseGrant, grant, this.identity.privateKey);
  }

  #terms(request: SignedMessage, limits: LeaseLimits) {
    const { edge, instance } = payloadOf<LeaseRequest>(request);
    const notBeforeMs = this.clock();
    return {
      requestHash: "00".repeat(32),
      edge,
      instance,
      leaseId: random16(),
      notBeforeMs,
      refreshAtMs: notBeforeMs + limits.refreshAfterMs,
      expiresAtMs: notBeforeMs + limits.expiresAfterMs,
    };
  }

  #isFrozen(...ids: string[]): boolean {
    return this.freezes.some(({ id }) => ids.includes(id));
  }

  #requireKey(call: BridgeCall, keyId: string): void {
    if (!this.made.has(keyId)) throw new BridgeError(call, "not-found");
    if (this.destroyed.has(keyId)) throw new BridgeError(call, "destroyed");
  }

  #isStale(account: string, epoch: { generation: number; counter: number }): boolean {
    return epoch.generation !== this.generation || epoch.counter < (this.seen.get(account) ?? 0);
  }

  #isTrue(proof: CallerProof, principal: Principal, sealed: string): boolean {
    const secretKey = this.#secrets.get(`${proof.secretId}:${JSON.stringify(principal)}:${sealed}`);
    if (secretKey === undefined) return false;
    if (proof.method !== "TC3-HMAC-SHA256") {
      return verifyV1WithSecretKey(proof, secretKey, hmac(hashes[proof.method]));
    }
    const key = tc3SigningKey(hmac("sha256"), secretKey, proof.date, proof.service);
    return verifyTc3WithSigningKey(proof, key, hmac("sha256"));
  }
}

function leaseError(index: number, code: BridgeErrorCode) {
  return { index, error: { code } };
}

/** The payload of a signed message, unverified. */
export function payloadOf<T>(message: SignedMessage): T {
  return JSON.parse(Buffer.from(message.payload, "base64").toString("utf8")) as T;
}

/** A random 16-byte value in hexadecimal, for nonces and instance ids. */
export const random16 = (): string => hexEncode(randomBytes(16));
