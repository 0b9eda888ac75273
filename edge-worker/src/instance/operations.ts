/**
 * Operations that the bridge performs for this instance. Operands come sealed to the bridge and results sealed to the
 * isolate: here they are signed, carried, verified against what was asked, and their terms kept for the commit point, which
 * holds each to the epoch, the end, and the one call that it is good for.
 */

import {
  base64Decode,
  base64Encode,
  type Epoch,
  isErrorCode,
  type Operation,
  type OperationRequest,
  type OperationResponse,
  type OperationResult,
  operationResponse,
  operationResult,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { useOf } from "../keys/use-of.ts";
import { openMessage } from "../signing/ed25519.ts";
import { AnswerMemory } from "./answer-memory.ts";
import type { HeldUse } from "./commit-point.ts";
import { Gate } from "./gate.ts";
import type { LeaseContext } from "./key-leases.ts";
import { localTimes } from "./lease-times.ts";
import {
  CONCURRENT,
  MAX_HELD,
  MAX_REFUSALS,
  MAX_WAIT_MS,
  MAX_WAITING,
  REFUSAL_MS,
} from "./limits.ts";
import type { Answer, OperationQuestion, Performed, Proxied } from "./messages.ts";
import { isSettled, refusal, unreachable } from "./refusals.ts";
import { isUsable } from "./rules.ts";
import { type Sent, UpstreamError } from "./upstream.ts";

interface HeldOperation extends HeldUse {
  readonly epoch: Epoch;
  readonly expiresAtMs: number;
}

const SWEEP_MS = 1_000;

export class Operations {
  readonly #context: LeaseContext;
  readonly #byId = new Map<string, HeldOperation>();
  readonly #refusals = new AnswerMemory<Answer<never>>(MAX_REFUSALS, REFUSAL_MS);
  readonly #gate = new Gate(CONCURRENT, MAX_WAITING, MAX_WAIT_MS);
  #sweptAtMs = 0;

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** What allows the answer of that operation, if it was performed for this instance and was neither answered nor voided. */
  valid(id: string, nowMs: number): HeldUse | null {
    const held = this.#byId.get(id);
    const isValid =
      held !== undefined &&
      isUsable(held, nowMs) &&
      this.#context.epochs.isCurrent(held.account, held.epoch);
    return isValid ? held : null;
  }

  /** One operation, or the key to seal its operands to when they were sealed to one that the bridge has no more. */
  async perform(question: OperationQuestion): Promise<Answer<Performed | Proxied>> {
    const { clock, epochs } = this.#context;
    const { operation } = question;
    const name = `${epochs.mark(operation.account)}|${useOf(operation)}`;
    const refused = this.#refusals.find(name, clock.now());
    if (refused !== null) return refused;
    const answer = await this.#gate
      .run(() => this.#request(question))
      .catch((thrown: unknown) => unreachable(`operation with ${operation.keyId}`, thrown));
    if (answer === null) return refusal("RequestLimitExceeded", "operation-queue-full");
    // Whether a ciphertext opens depends on more than its key.
    const isOfTheKey =
      !answer.ok &&
      answer.code !== "InvalidParameterValue.InvalidCiphertext" &&
      answer.code !== "FailedOperation.DecryptError";
    if (isOfTheKey && isSettled(answer.code)) this.#refusals.keep(name, answer, clock.now());
    return answer;
  }

  async #request(question: OperationQuestion): Promise<Answer<Performed | Proxied>> {
    const { bridgeSealing, identity } = this.#context;
    const { answer, requestHash, sentAtMs } = await this.#post(question);
    if ("error" in answer) {
      const { code } = answer.error;
      if (code === "sealing-key-changed") {
        bridgeSealing.forget(question.sealingKeyId);
        return { ok: true, value: { sealingKey: await bridgeSealing.key() } };
      }
      return isErrorCode(code)
        ? { ok: false, code, reason: "operation-refused" }
        : refusal("InternalError", "operation-refused");
    }
    const result = await openMessage(
      answer.result,
      signedMessageTypes.operationResult,
      operationResult,
      await identity.bridgeKey,
    );
    const performed =
      result === null ? null : this.#accept(result, question, requestHash, sentAtMs);
    if (performed === null) throw new UpstreamError("a result that is not what was asked for");
    return { ok: true, value: performed };
  }

  async #post(question: OperationQuestion): Promise<Sent<OperationResponse>> {
    const { upstream, auditHead } = this.#context;
    const { operation, isolateKey, nonce, sealingKeyId, sealed } = question;
    const content: OperationRequest = {
      ...upstream.origin(),
      nonce,
      hpkePublicKey: base64Encode(isolateKey),
      auditHead: auditHead(),
      operation,
      sealingKeyId,
      sealed: {
        kem: 0x0020,
        enc: base64Encode(sealed.enc),
        ciphertext: base64Encode(sealed.ciphertext),
      },
    };
    const { operationRequest } = signedMessageTypes;
    return upstream.post("/edge/v1/operations", operationRequest, content, operationResponse);
  }

  /** Keeps the terms of a result that answers exactly this request; else null. */
  #accept(
    result: OperationResult,
    { operation }: OperationQuestion,
    requestHash: string,
    sentAtMs: number,
  ): Performed | null {
    const { identity, epochs } = this.#context;
    const isOurs =
      result.requestHash === requestHash &&
      result.edge === identity.edge &&
      result.instance === identity.instance &&
      result.purpose === operation.purpose &&
      result.account === operation.account &&
      result.region === operation.region &&
      result.keyId === operation.keyId;
    const isTheBranch = isOfBranch(result, operation, identity.group);
    // It is never refreshed.
    const times = localTimes({ ...result, refreshAtMs: result.expiresAtMs }, sentAtMs, 0);
    const enc = base64Decode(result.sealed.enc);
    const ciphertext = base64Decode(result.sealed.ciphertext);
    if (!isOurs || !isTheBranch || times === null || enc === null || ciphertext === null) {
      return null;
    }
    epochs.raise(result.account, result.epoch);
    const { leaseId, account, maxUnacknowledged, epoch } = result;
    const { expiresAtMs } = times;
    this.#keep(leaseId, { account, maxUnacknowledged, epoch, expiresAtMs, operationsLeft: 1 });
    const { store } = result;
    const branch =
      "branch" in result
        ? { version: result.version, branch: result.branch, suite: result.suite }
        : null;
    return { leaseId, branch, store, requestHash, sealed: { enc, ciphertext } };
  }

  #keep(id: string, held: HeldOperation): void {
    const now = this.#context.clock.now();
    if (now - this.#sweptAtMs >= SWEEP_MS) {
      this.#sweptAtMs = now;
      for (const [other, { expiresAtMs, operationsLeft }] of this.#byId) {
        if (now >= expiresAtMs || operationsLeft === 0) this.#byId.delete(other);
      }
    }
    // The oldest is the least likely to be answered still; should it be, it is performed again.
    const [oldest] = this.#byId.keys();
    if (this.#byId.size >= MAX_HELD && oldest !== undefined) this.#byId.delete(oldest);
    this.#byId.set(id, held);
  }
}

/** Whether the branch that was used is the one that was asked for; private keys have none. */
function isOfBranch(result: OperationResult, asked: Operation, group: string): boolean {
  if (asked.purpose === "encrypt") return "group" in result && result.group === group;
  if (asked.purpose !== "decrypt") return true;
  return (
    "branch" in result &&
    result.version === asked.version &&
    result.branch === asked.branch &&
    result.suite === asked.suite
  );
}
