/**
 * Performs one operation for an edge with a key that stays here (protocol.md "An operation in the bridge"): a branch key, opened
 * in the HSM, used in the memory of wasm-core, wiped; or a private key. What comes out is logged before it is signed, and sealed to the edge.
 */

import {
  type BridgeRequest,
  base64Encode,
  concatBytes,
  decodeEnvelope,
  decodeOperands,
  encodeEnvelopeHeader,
  envelopeAssociatedData,
  envelopeBytes,
  hexEncode,
  isPairOperation,
  type LeasedKey,
  OPERANDS_SEAL_INFO,
  type Operands,
  type OperationRequest,
  operandsSealAad,
  type PairOperation,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { SuiteKey } from "@edge-kms/wasm-core";
import { openBranch } from "../branch-keys.ts";
import type { Bridge, Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { admitEdgeRequest, type EdgeRequest, refused } from "../edge-request.ts";
import { BridgeError } from "../errors.ts";
import { type BranchInUse, branchOf, requireUsableKey } from "../key-use.ts";
import { decryptWithPair, requirePair, signWithPair, type UsedPair } from "../pairs/key-pairs.ts";
import { raiseEpoch } from "../registry/epochs.ts";
import { addPermittedEncryptions, type KeyRow } from "../registry/keys.ts";
import { appendLog, type LogDetails } from "../registry/log.ts";
import { notePairUse } from "../registry/pairs.ts";
import { sealToEdge } from "../seal-to-edge.ts";

type Input = BridgeRequest<"operate">;
type OperationEdgeRequest = EdgeRequest<OperationRequest>;

/** How long the edge has to put the call on record. It answers at once or not at all. */
export const OPERATION_MS = 30_000;

export const operate: Operation<"operate"> = async (bridge, input) => {
  const request = admitEdgeRequest(bridge, "operation", input.request);
  try {
    const { edge, payload } = request;
    const asked = payload.operation;
    const key = requireUsableKey(bridge, edge, asked, input.epoch, "proxy");
    let used: BranchInUse | UsedPair;
    let outcome: Uint8Array | null;
    if (isPairOperation(asked)) {
      used = requirePair(bridge, key);
      outcome = await performWithPair(bridge, payload, asked, used);
    } else {
      used = await branchOf(bridge, key, asked, edge.group);
      outcome = await perform(bridge, payload, asked, key, used);
    }
    if (outcome === null) {
      // Played again, it would make the HSM work again.
      await bridge.database.commit(() => {
        request.remember();
        noteUse(bridge, request, "operation-failed", key, used, {});
      });
      throw new BridgeError("not-authentic", "The ciphertext does not open.");
    }
    try {
      return { result: await release(bridge, request, input, key, used, outcome) };
    } finally {
      wipe(outcome);
    }
  } finally {
    request.release();
  }
};

/** The operands, in memory that the caller wipes. `sealing-key-changed` when they are sealed to another key. */
async function openOperands({ sealingKey }: Bridge, request: OperationRequest) {
  if (request.sealingKeyId !== sealingKey.keyId) {
    throw new BridgeError("sealing-key-changed", "The operands are sealed to another key.");
  }
  const opened = await sealingKey.open(
    request.sealed,
    OPERANDS_SEAL_INFO,
    operandsSealAad(request),
  );
  const operands = opened === null ? null : decodeOperands(opened);
  if (opened === null || operands === null) {
    wipe(opened);
    throw refused("sealed operands");
  }
  return { opened, operands };
}

/** Envelope or plaintext, the caller's to wipe; null for a ciphertext that does not open. */
async function perform(
  bridge: Bridge,
  request: OperationRequest,
  asked: LeasedKey,
  key: KeyRow,
  used: BranchInUse,
): Promise<Uint8Array | null> {
  const { opened, operands } = await openOperands(bridge, request);
  let branchKey: Uint8Array | null = null;
  let suiteKey: SuiteKey | null = null;
  try {
    branchKey = await openBranch(bridge, key, used.version, used.branch);
    // openBranch has refused a key without a suite.
    suiteKey = bridge.core.suiteKey(key.suite as 1 | 2, branchKey);
    return asked.purpose === "encrypt"
      ? encrypt(suiteKey, used, operands)
      : decrypt(suiteKey, asked, operands);
  } finally {
    suiteKey?.release();
    wipe(branchKey, opened);
  }
}

/** Signature or plaintext, the caller's to wipe; null for a ciphertext that does not decrypt. */
async function performWithPair(
  bridge: Bridge,
  request: OperationRequest,
  asked: PairOperation,
  used: UsedPair,
): Promise<Uint8Array | null> {
  const { opened, operands } = await openOperands(bridge, request);
  try {
    if (asked.purpose === "sign") {
      return await signWithPair(bridge, used, asked.algorithm, operands.text, asked.isDigest);
    }
    return await decryptWithPair(bridge, used, asked.algorithm, operands.text);
  } catch (error) {
    if (error instanceof BridgeError && error.code === "not-authentic") return null;
    throw error;
  } finally {
    wipe(opened);
  }
}

function encrypt(key: SuiteKey, { version, branch }: BranchInUse, operands: Operands): Uint8Array {
  const { context, text } = operands;
  if (text.length > envelopeBytes.maxPlaintext) throw refused("plaintext too long");
  const header = encodeEnvelopeHeader({
    suite: key.suite,
    keyId: branch.keyId,
    versionId: version.version,
    branchId: branch.branch,
    nonce: crypto.getRandomValues(new Uint8Array(envelopeBytes.nonce)),
  });
  const sealed = key.encrypt(nonceOf(header), envelopeAssociatedData(header, context), text);
  return concatBytes(header, sealed.commitment, sealed.ciphertext);
}

/** The nonce ends the header. */
function nonceOf(header: Uint8Array): Uint8Array {
  return header.subarray(envelopeBytes.header - envelopeBytes.nonce);
}

function decrypt(
  key: SuiteKey,
  asked: Extract<LeasedKey, { purpose: "decrypt" }>,
  { context, text }: Operands,
): Uint8Array | null {
  const envelope = decodeEnvelope(base64Encode(text));
  // Authorised was the key of the request; an envelope that names another is opened for nobody.
  if (
    envelope === null ||
    envelope.keyId !== asked.keyId ||
    envelope.versionId !== asked.version ||
    envelope.branchId !== asked.branch ||
    envelope.suite !== asked.suite
  ) {
    return null;
  }
  const { header, nonce, commitment, ciphertextAndTag } = envelope;
  const aad = envelopeAssociatedData(header, context);
  return key.decrypt(nonce, aad, commitment, ciphertextAndTag);
}

/**
 * Seals, and in one transaction checks everything again (a freeze or a newer epoch may have come while the store was at
 * work) and writes nonce, epoch, the count of encryptions and log. Only then is the result signed.
 */
async function release(
  bridge: Bridge,
  request: OperationEdgeRequest,
  { epoch, maxUnacknowledged }: Input,
  key: KeyRow,
  used: BranchInUse | UsedPair,
  outcome: Uint8Array,
) {
  const { database, caps } = bridge;
  const { edge, payload, requestHash } = request;
  const asked = payload.operation;
  const leaseId = hexEncode(crypto.getRandomValues(new Uint8Array(16)));
  const type = signedMessageTypes.operationResult;
  const sealed = await sealToEdge(request.hpkePublicKey, outcome, type, requestHash, leaseId);
  const notBeforeMs = bridge.clock();
  const result = {
    purpose: asked.purpose,
    requestHash,
    edge: edge.edge,
    instance: payload.instance,
    account: key.account,
    region: key.region,
    keyId: key.keyId,
    leaseId,
    notBeforeMs,
    expiresAtMs: notBeforeMs + Math.min(OPERATION_MS, caps.maxExpiryMs),
    maxUnacknowledged: Math.min(maxUnacknowledged, caps.maxUnacknowledged),
    epoch: { generation: epoch.generation, counter: epoch.counter },
    store: bridge.store.kind,
    sealed,
    version: used.version.version,
    ...("pair" in used
      ? {}
      : { branch: used.branch.branch, suite: key.suite, group: used.branch.group }),
  };
  await database.commit(() => {
    requireUsableKey(bridge, edge, asked, epoch, "proxy");
    raiseEpoch(database, key.account, epoch.counter);
    request.remember();
    if (asked.purpose === "encrypt" && !("pair" in used)) {
      addPermittedEncryptions(database, used.branch.branch, 1);
    }
    noteUse(bridge, request, "operation-performed", key, used, {
      leaseId,
      expiresAtMs: result.expiresAtMs,
    });
  });
  return bridge.identity.sign(type, result);
}

/** Puts it on record that a key was put to use, whatever came of it. Only inside a commit. */
function noteUse(
  { database, clock }: Bridge,
  { edge, payload }: OperationEdgeRequest,
  event: "operation-performed" | "operation-failed",
  key: KeyRow,
  used: BranchInUse | UsedPair,
  more: LogDetails,
): void {
  if ("pair" in used) notePairUse(database, key.keyId);
  appendLog(database, clock(), event, "control-plane", {
    edge: edge.edge,
    instance: payload.instance,
    group: "pair" in used ? edge.group : used.branch.group,
    account: key.account,
    region: key.region,
    keyId: key.keyId,
    version: used.version.version,
    branch: "pair" in used ? "" : used.branch.branch,
    purpose: payload.operation.purpose,
    ...more,
    auditSeq: payload.auditHead.seq,
    auditHash: payload.auditHead.hash,
  });
}
