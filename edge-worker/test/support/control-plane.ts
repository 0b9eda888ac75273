/**
 * A control plane with a bridge inside, for tests of the edge alone: real signatures, real HPKE, protocol's schemas, and
 * none of the edge's code. What it holds of keys is for the tests to look at.
 */

import { createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  AUDIT_CHAIN_START,
  type AuditRecord,
  auditDelivery,
  auditSettled,
  base64Decode,
  base64Encode,
  type CallerProof,
  CONNECT_HEADER,
  concatBytes,
  connectRequest,
  credentialRequest,
  decodeAuditRecord,
  decodeEnvelope,
  decodeOperands,
  encodeEnvelopeHeader,
  encodeSuccess,
  envelopeAssociatedData,
  FORWARD_HEADER,
  type ForwardedCall,
  forwardedCall,
  type HpkeSealed,
  isPairOperation,
  type LeasedKey,
  type LeaseGrant,
  leaseRequest,
  type Operands,
  type Operation,
  operationRequest,
  type Principal,
  sealingKeyRequest,
  signedMessageTypes,
  tc3SigningKey,
  utf8Encode,
} from "@edge-kms/protocol";
import { loadCore } from "@edge-kms/wasm-core/node";
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";
import { type WebSocket, WebSocketServer } from "ws";
import { makeSigner, openMessage, type Signer, signMessage } from "./signed.ts";

const core = await loadCore();
const hpke = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

export interface Branch {
  /** Another edge group's is not leased. */
  readonly group: string;
  readonly version: number;
  readonly branch: string;
  readonly suite: 1 | 2;
  readonly bytes: Uint8Array;
}

export interface Cmk {
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
  readonly suite: 1 | 2;
  /** An error code instead of a lease, as for a disabled key. */
  refusal: string | null;
  mode: "lease" | "proxy";
  /** The last one encrypts. */
  readonly branches: Branch[];
}

export interface Account {
  readonly secretId: string;
  readonly secretKey: string;
  readonly principal: Principal;
  /** Whether kSigning may be leased. */
  isLeased: boolean;
}

export interface Limits {
  refreshAfterMs: number;
  expiresAfterMs: number;
  maxOperations: number;
  maxUnacknowledged: number;
}

export interface Forwarded {
  readonly call: ForwardedCall;
  readonly body: Buffer;
}

export class TestControlPlane {
  readonly bridge: Signer = makeSigner();
  readonly forwarding: Signer = makeSigner();
  readonly edge: Signer = makeSigner();
  readonly edgeId = "test-edge";
  readonly group = "default";
  readonly keys = new Map<string, Cmk>();
  readonly accounts = new Map<string, Account>();
  readonly limits: Limits = {
    refreshAfterMs: 60_000,
    expiresAfterMs: 180_000,
    maxOperations: 1_000_000,
    maxUnacknowledged: 100_000,
  };
  readonly callerLimits: Limits = { ...this.limits };
  readonly operationLimits: Limits = { ...this.limits, expiresAfterMs: 30_000 };
  /** Records by instance, in order, each checked against the one before. */
  readonly records = new Map<string, AuditRecord[]>();
  /** Instances of which nothing waits any more, and what was stored of them when they were told. */
  readonly settled = new Map<string, number>();
  readonly forwarded: Forwarded[] = [];
  /** Answers forwarded calls in the control plane's stead, as a proxy on the way might. */
  proxyAnswer: { status: number; contentType: string; body: string } | null = null;
  /** What was asked, for tests that count. */
  readonly asked = {
    leases: 0,
    operations: 0,
    credentials: 0,
    sealingKeys: 0,
    deliveries: 0,
    connects: 0,
  };
  /** Lease questions and operations under way, and the most there were at once. */
  readonly underWay = { now: 0, most: 0 };
  /** What their answers, decided on arrival, wait for before they leave. */
  gate: Promise<void> = Promise.resolve();
  /** Parts that answer 503 while true. */
  readonly down = { leases: false, operations: false, credentials: false, audit: false };
  /** Changes the result of an operation before it is signed. */
  tamperResult: (result: object) => object = (result) => result;
  /** Deliveries are refused with this code, as records are that do not fit the stored chain. */
  auditRefusal: string | null = null;
  /** Every body that came, as text: what the control plane could read. */
  readonly seen: string[] = [];
  /** Signs the sealing key; another than the bridge for tests of what must be refused. */
  sealingKeySigner: Signer = this.bridge;
  #sealing = makeSealing();
  /** Records that came a second time. */
  duplicates = 0;
  /** Changes a grant before it is signed, for tests of what must be refused. */
  tamper: (grant: LeaseGrant) => object = (grant) => grant;
  readonly #epochs = new Map<string, number>();
  readonly #hashes = new Map<string, string>();
  readonly #nonces = new Set<string>();
  readonly #sockets = new Set<WebSocket>();
  readonly #heartbeat: NodeJS.Timeout;
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({ noServer: true });
  isBeating = true;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((thrown: unknown) => {
        response.writeHead(500).end(JSON.stringify({ error: { code: String(thrown) } }));
      });
    });
    this.#server.on("upgrade", (request, socket, head) => {
      this.asked.connects += 1;
      const header = Buffer.from(String(request.headers[CONNECT_HEADER]), "base64").toString();
      this.#open(JSON.parse(header), signedMessageTypes.connect, connectRequest);
      this.#webSockets.handleUpgrade(request, socket, head, (opened) => {
        this.#sockets.add(opened);
        opened.on("close", () => this.#sockets.delete(opened));
        opened.send(
          JSON.stringify({
            type: "hello",
            epochs: [...this.accounts.values()].map(({ principal: { account } }) => ({
              account,
              epoch: this.epochOf(account),
            })),
          }),
        );
      });
    });
    this.#heartbeat = setInterval(() => {
      if (this.isBeating) this.#tell({ type: "ping", id: Date.now() });
    }, 500);
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    for (const socket of this.#sockets) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get isConnected(): boolean {
    return this.#sockets.size > 0;
  }

  addAccount(account: string, type: "root" | "user" = "root"): Account {
    const made: Account = {
      secretId: `AKID${randomBytes(16).toString("hex")}`,
      secretKey: randomBytes(16).toString("hex"),
      principal: {
        account,
        appId: 1250000001,
        uin: type === "root" ? account : `${account}9`,
        type,
      },
      isLeased: true,
    };
    this.accounts.set(made.secretId, made);
    return made;
  }

  addKey(account: string, region: string, suite: 1 | 2): Cmk {
    const key: Cmk = {
      account,
      region,
      suite,
      keyId: randomUUID(),
      refusal: null,
      mode: "lease",
      branches: [],
    };
    this.keys.set(key.keyId, key);
    this.addBranch(key, 1);
    return key;
  }

  addBranch(key: Cmk, version: number, group = this.group): Branch {
    const bytes = new Uint8Array(randomBytes(key.suite === 1 ? 32 : 16));
    const branch = {
      group,
      version,
      branch: randomBytes(8).toString("hex"),
      suite: key.suite,
      bytes,
    };
    key.branches.push(branch);
    return branch;
  }

  epochOf(account: string): { generation: number; counter: number } {
    return { generation: 1, counter: this.#epochs.get(account) ?? 1 };
  }

  /** Raises the epoch and tells connected edges. */
  raiseEpoch(account: string): void {
    this.#epochs.set(account, this.epochOf(account).counter + 1);
    this.#tell({ type: "epoch", account, epoch: this.epochOf(account) });
  }

  /** The bridge starts anew: its sealing key is another. */
  restartBridge(): void {
    this.#sealing = makeSealing();
  }

  /** Every record of every instance. */
  allRecords(): AuditRecord[] {
    return [...this.records.values()].flat();
  }

  #tell(message: object): void {
    for (const socket of this.#sockets) socket.send(JSON.stringify(message));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    this.seen.push(body.toString());
    const answer = async (): Promise<object | null> => {
      switch (request.url) {
        case "/edge/v1/leases":
          this.asked.leases += 1;
          return this.down.leases
            ? null
            : this.#counted(() => this.#leases(JSON.parse(body.toString())));
        case "/edge/v1/operations":
          this.asked.operations += 1;
          return this.down.operations
            ? null
            : this.#counted(() => this.#operation(JSON.parse(body.toString())));
        case "/edge/v1/credentials":
          this.asked.credentials += 1;
          return this.down.credentials ? null : this.#credential(JSON.parse(body.toString()));
        case "/edge/v1/sealing-key":
          this.asked.sealingKeys += 1;
          return this.#sealingKey(JSON.parse(body.toString()));
        case "/edge/v1/audit":
          this.asked.deliveries += 1;
          return this.down.audit ? null : this.#store(JSON.parse(body.toString()));
        case "/edge/v1/audit/settled":
          return this.#settle(JSON.parse(body.toString()));
        default:
          return this.#forwarded(request, body);
      }
    };
    const json = await answer();
    if (this.proxyAnswer !== null && request.url === "/") {
      const { status, contentType, body } = this.proxyAnswer;
      response.writeHead(status, { "content-type": contentType }).end(body);
    } else if (json === null) response.writeHead(503).end("down");
    else {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(json));
    }
  }

  #open<S extends Parameters<typeof openMessage>[2]>(
    input: unknown,
    type: Parameters<typeof openMessage>[1],
    schema: S,
  ) {
    const opened = openMessage(input, type, schema, this.edge.publicKey);
    const { nonce } = opened.content as { nonce: string };
    if (this.#nonces.has(nonce)) throw new Error("a nonce came twice");
    this.#nonces.add(nonce);
    return opened;
  }

  async #counted(work: () => Promise<object>): Promise<object> {
    const { underWay } = this;
    underWay.now += 1;
    underWay.most = Math.max(underWay.most, underWay.now);
    try {
      const answer = await work();
      await this.gate;
      return answer;
    } finally {
      underWay.now -= 1;
    }
  }

  async #operation(input: unknown): Promise<object> {
    const opened = this.#open(input, signedMessageTypes.operationRequest, operationRequest);
    const request = opened.content as import("@edge-kms/protocol").OperationRequest;
    const { operation, edge, instance, nonce, sealed } = request;
    const { pair, content } = await this.#sealing;
    if (request.sealingKeyId !== content.keyId) return { error: { code: "sealing-key-changed" } };
    // Its keys are symmetric.
    if (isPairOperation(operation)) return { error: { code: "InvalidParameter" } };
    const branch = this.#branchOf(operation);
    if (typeof branch === "string") return { error: { code: branch } };
    const operands = decodeOperands(
      await hpke.Open(
        pair,
        base64Decode(sealed.enc) as Uint8Array,
        base64Decode(sealed.ciphertext) as Uint8Array,
        { info: utf8Encode("edge-kms/operands/1"), aad: utf8Encode(`${edge}:${nonce}`) },
      ),
    );
    const outcome = operands === null ? null : operate(operation, branch, operands);
    if (outcome === null) return { error: { code: "InvalidParameterValue.InvalidCiphertext" } };
    const { operationResult: type } = signedMessageTypes;
    const requestHash = createHash("sha256").update(opened.payload).digest("hex");
    const leaseId = randomBytes(16).toString("hex");
    const { account, region, keyId, purpose } = operation;
    const { version, suite, group } = branch;
    const { notBeforeMs, expiresAtMs } = times(this.operationLimits);
    const result = {
      ...{ purpose, requestHash, edge, instance, account, region, keyId, leaseId },
      ...{ notBeforeMs, expiresAtMs, maxUnacknowledged: this.limits.maxUnacknowledged },
      epoch: this.epochOf(account),
      store: "software",
      sealed: await sealTo(request.hpkePublicKey, outcome, type, `${requestHash}:${leaseId}`),
      ...{ version, branch: branch.branch, suite, group },
    };
    return { result: signMessage(type, this.tamperResult(result), this.bridge) };
  }

  async #leases(input: unknown): Promise<object> {
    const opened = this.#open(input, signedMessageTypes.leaseRequest, leaseRequest);
    const request = opened.content as import("@edge-kms/protocol").LeaseRequest;
    const requestHash = createHash("sha256").update(opened.payload).digest("hex");
    const results = await Promise.all(
      request.keys.map(async (key, index) => {
        const branch = this.#branchOf(key);
        if (typeof branch === "string") return { error: { code: branch } };
        const isHere = this.keys.get(key.keyId)?.mode === "lease" && branch.group === this.group;
        if (!isHere) return { proxied: true };
        const leaseId = randomBytes(16).toString("hex");
        const grant: LeaseGrant = {
          requestHash,
          index,
          edge: request.edge,
          instance: request.instance,
          group: this.group,
          account: key.account,
          region: key.region,
          keyId: key.keyId,
          version: branch.version,
          branch: branch.branch,
          suite: branch.suite,
          leaseId,
          ...times(this.limits),
          maxOperations: this.limits.maxOperations,
          maxUnacknowledged: this.limits.maxUnacknowledged,
          epoch: this.epochOf(key.account),
          store: "software",
          sealed: await sealTo(
            request.hpkePublicKey,
            branch.bytes,
            signedMessageTypes.leaseGrant,
            `${requestHash}:${leaseId}`,
          ),
        };
        return {
          grant: signMessage(signedMessageTypes.leaseGrant, this.tamper(grant), this.bridge),
        };
      }),
    );
    return { results };
  }

  #branchOf(key: LeasedKey): Branch | string {
    const cmk = this.keys.get(key.keyId);
    const isOurs = cmk !== undefined && cmk.account === key.account && cmk.region === key.region;
    const unknown =
      key.purpose === "encrypt"
        ? "ResourceUnavailable.CmkNotFound"
        : "InvalidParameterValue.InvalidCiphertext";
    if (!isOurs) return unknown;
    if (cmk.refusal !== null) return cmk.refusal;
    const branch =
      key.purpose === "encrypt"
        ? cmk.branches.findLast(({ group }) => group === this.group)
        : cmk.branches.find(
            (one) =>
              one.version === key.version && one.branch === key.branch && one.suite === key.suite,
          );
    return branch ?? unknown;
  }

  async #credential(input: unknown): Promise<object> {
    const opened = this.#open(input, signedMessageTypes.credentialRequest, credentialRequest);
    const request = opened.content as import("@edge-kms/protocol").CredentialRequest;
    const proof = await this.#openProof(request);
    if (proof === null) return { error: { code: "sealing-key-changed" } };
    const requestHash = createHash("sha256").update(opened.payload).digest("hex");
    const account = this.accounts.get(proof.secretId);
    if (account === undefined) return { error: { code: "AuthFailure.SecretIdNotFound" } };
    if (!isProven(proof, account.secretKey)) {
      return { error: { code: "AuthFailure.SignatureFailure" } };
    }
    const leaseId = randomBytes(16).toString("hex");
    const isLeased = account.isLeased && proof.method === "TC3-HMAC-SHA256";
    const grant = {
      requestHash,
      edge: request.edge,
      instance: request.instance,
      leaseId,
      secretId: proof.secretId,
      date: proof.date,
      service: proof.service,
      principal: account.principal,
      ...times(this.callerLimits),
      maxUnacknowledged: this.callerLimits.maxUnacknowledged,
      epoch: this.epochOf(account.principal.account),
      sealed: isLeased
        ? await sealTo(
            request.hpkePublicKey,
            tc3SigningKey(hmacSha256, account.secretKey, proof.date, proof.service),
            signedMessageTypes.credentialGrant,
            `${requestHash}:${leaseId}`,
          )
        : null,
    };
    return { grant: signMessage(signedMessageTypes.credentialGrant, grant, this.bridge) };
  }

  async #openProof(
    request: import("@edge-kms/protocol").CredentialRequest,
  ): Promise<CallerProof | null> {
    const { proof, edge, instance, nonce } = request;
    if (!("sealed" in proof)) return proof;
    const { secretId, method, sealed } = proof;
    const { pair, content } = await this.#sealing;
    if (proof.sealingKeyId !== content.keyId) return null;
    const opened = await hpke.Open(
      pair,
      base64Decode(sealed.enc) as Uint8Array,
      base64Decode(sealed.ciphertext) as Uint8Array,
      {
        info: utf8Encode("edge-kms/caller-proof/1"),
        aad: utf8Encode(`${edge}:${instance}:${nonce}`),
      },
    );
    const { stringsToSign, signature } = JSON.parse(Buffer.from(opened).toString());
    return { secretId, method, date: "", service: "", stringsToSign, signature };
  }

  async #sealingKey(input: unknown): Promise<object> {
    this.#open(input, signedMessageTypes.sealingKeyRequest, sealingKeyRequest);
    const { content } = await this.#sealing;
    return {
      sealingKey: signMessage(signedMessageTypes.bridgeSealingKey, content, this.sealingKeySigner),
    };
  }

  #store(input: unknown): object {
    const opened = this.#open(input, signedMessageTypes.auditDelivery, auditDelivery);
    const { of, records } = opened.content as import("@edge-kms/protocol").AuditDelivery;
    if (this.auditRefusal !== null) return { error: { code: this.auditRefusal } };
    const stored = this.records.get(of) ?? [];
    this.records.set(of, stored);
    for (const text of records) {
      const record = decodeAuditRecord(utf8Encode(text));
      if (record === null) throw new Error("no audit record");
      if (record.seq <= stored.length) {
        this.duplicates += 1;
        continue;
      }
      const prev = this.#hashes.get(of) ?? AUDIT_CHAIN_START;
      if (record.seq !== stored.length + 1 || record.prev !== prev || record.instance !== of) {
        return { error: { code: "gap" } };
      }
      stored.push(record);
      this.#hashes.set(of, createHash("sha256").update(text).digest("hex"));
    }
    return { acknowledgedSeq: stored.length };
  }

  #settle(input: unknown): object {
    const opened = this.#open(input, signedMessageTypes.auditSettled, auditSettled);
    const { settled } = opened.content as import("@edge-kms/protocol").AuditSettled;
    for (const of of settled) this.settled.set(of, this.records.get(of)?.length ?? 0);
    return { accepted: true };
  }

  #forwarded(request: IncomingMessage, body: Buffer): object {
    const header = Buffer.from(String(request.headers[FORWARD_HEADER]), "base64").toString();
    const opened = this.#open(JSON.parse(header), signedMessageTypes.forward, forwardedCall);
    const call = opened.content as ForwardedCall;
    if (call.target !== request.url || call.method !== request.method) {
      throw new Error(`signed ${call.target}, came ${request.url}`);
    }
    for (const [name, value] of Object.entries(call.headers)) {
      if (request.headers[name] !== value) throw new Error(`another ${name}`);
    }
    if (call.bodySha256 !== createHash("sha256").update(body).digest("hex")) {
      throw new Error("another body");
    }
    this.forwarded.push({ call, body });
    return JSON.parse(encodeSuccess(call.requestId, { Forwarded: true }));
  }
}

/** Envelope or plaintext; null for a ciphertext that does not open. */
function operate(
  operation: Operation,
  branch: Branch,
  { context, text }: Operands,
): Uint8Array | null {
  const key = core.suiteKey(branch.suite, branch.bytes);
  try {
    if (operation.purpose === "encrypt") {
      const nonce = new Uint8Array(randomBytes(24));
      const header = encodeEnvelopeHeader({
        suite: branch.suite,
        keyId: operation.keyId,
        versionId: branch.version,
        branchId: branch.branch,
        nonce,
      });
      const sealed = key.encrypt(nonce, envelopeAssociatedData(header, context), text);
      return concatBytes(header, sealed.commitment, sealed.ciphertext);
    }
    const envelope = decodeEnvelope(base64Encode(text));
    if (envelope === null) return null;
    const { header, nonce, commitment, ciphertextAndTag } = envelope;
    return key.decrypt(
      nonce,
      envelopeAssociatedData(header, context),
      commitment,
      ciphertextAndTag,
    );
  } finally {
    key.release();
  }
}

async function makeSealing() {
  const pair = await hpke.GenerateKeyPair();
  const publicKey = await hpke.SerializePublicKey(pair.publicKey);
  const keyId = createHash("sha256").update(publicKey).digest("hex").slice(0, 16);
  return { pair, content: { publicKey: base64Encode(publicKey), keyId, madeAtMs: Date.now() } };
}

function times(limits: Limits) {
  const now = Date.now();
  return {
    notBeforeMs: now,
    refreshAtMs: now + Math.min(limits.refreshAfterMs, limits.expiresAfterMs),
    expiresAtMs: now + limits.expiresAfterMs,
  };
}

async function sealTo(
  publicKeyB64: string,
  secret: Uint8Array,
  info: string,
  aad: string,
): Promise<HpkeSealed> {
  const recipient = await hpke.DeserializePublicKey(base64Decode(publicKeyB64) as Uint8Array);
  const { encapsulatedSecret, ciphertext } = await hpke.Seal(recipient, secret, {
    info: utf8Encode(info),
    aad: utf8Encode(aad),
  });
  return {
    kem: 0x0020,
    enc: base64Encode(encapsulatedSecret),
    ciphertext: base64Encode(ciphertext),
  };
}

function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(data).digest());
}

function isProven(proof: CallerProof, secretKey: string): boolean {
  const isTc3 = proof.method === "TC3-HMAC-SHA256";
  const claimed = Buffer.from(proof.signature, isTc3 ? "hex" : "base64");
  return proof.stringsToSign.some((text) => {
    const mac = isTc3
      ? hmacSha256(
          tc3SigningKey(hmacSha256, secretKey, proof.date, proof.service),
          utf8Encode(text),
        )
      : createHmac(proof.method === "HmacSHA1" ? "sha1" : "sha256", secretKey)
          .update(text)
          .digest();
    return mac.length === claimed.length && timingSafeEqual(mac, claimed);
  });
}
