/**
 * Public keys of asymmetric CMKs: what the bridge has signed, passed on by the control plane while the key may be used. Kept for a
 * while, and not beyond the next change of the account: then it is asked anew whether the key may be used.
 */

import {
  base64Decode,
  hexEncode,
  isErrorCode,
  publicKeyResponse,
  publicKeyStatement,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { openMessage } from "../signing/ed25519.ts";
import type { HeldUse } from "./commit-point.ts";
import { Gate } from "./gate.ts";
import type { LeaseContext } from "./key-leases.ts";
import { CONCURRENT, MAX_HELD, MAX_WAIT_MS, MAX_WAITING } from "./limits.ts";
import type { Answer, PublicKeyLoan, PublicKeyQuestion } from "./messages.ts";
import { refusal, unreachable } from "./refusals.ts";
import { UpstreamError } from "./upstream.ts";

/** The most, as long as a lease of the default length; a key whose leases are shorter says so. Counted from the sending of the question. */
const LIFE_MS = 180_000;
/** The least: as long as a call may take that asked for it. A key that is never leased has limits of 0. */
const CALL_MS = 5_000;

interface Held {
  readonly loan: PublicKeyLoan;
  readonly use: HeldUse;
  /** The account's epoch when it was asked for. */
  readonly mark: string;
  readonly expiresAtMs: number;
}

export class PublicKeys {
  readonly #context: LeaseContext;
  readonly #byName = new Map<string, Held>();
  readonly #byId = new Map<string, Held>();
  readonly #asking = new Map<string, Promise<Answer<PublicKeyLoan>>>();
  readonly #gate = new Gate(CONCURRENT, MAX_WAITING, MAX_WAIT_MS);

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** What allows an answer with that public key, unless its time is over or the account has changed. */
  valid(id: string, nowMs: number): HeldUse | null {
    const held = this.#byId.get(id);
    return held !== undefined && this.#isValid(held, nowMs) ? held.use : null;
  }

  /** A public key that may be used now; asked for once, whatever the number of callers. */
  async read(question: PublicKeyQuestion): Promise<Answer<PublicKeyLoan>> {
    const name = `${question.account}|${question.region}|${question.keyId}`;
    const known = this.#byName.get(name);
    if (known !== undefined && this.#isValid(known, this.#context.clock.now())) {
      return { ok: true, value: known.loan };
    }
    const asking = this.#asking.get(name) ?? this.#ask(name, question);
    return asking;
  }

  #isValid({ use, mark, expiresAtMs }: Held, nowMs: number): boolean {
    return nowMs < expiresAtMs && mark === this.#context.epochs.mark(use.account);
  }

  #ask(name: string, question: PublicKeyQuestion): Promise<Answer<PublicKeyLoan>> {
    const asked = this.#gate
      .run(() => this.#request(name, question))
      .then((answer) => answer ?? refusal("RequestLimitExceeded", "public-key-queue-full"))
      .catch((thrown: unknown) => unreachable(`public key of ${question.keyId}`, thrown))
      .finally(() => this.#asking.delete(name));
    this.#asking.set(name, asked);
    return asked;
  }

  async #request(name: string, question: PublicKeyQuestion): Promise<Answer<PublicKeyLoan>> {
    const { upstream, epochs, identity } = this.#context;
    // Before the question: a change that comes while it is on its way counts.
    const mark = epochs.mark(question.account);
    const { answer, sentAtMs } = await upstream.post(
      "/edge/v1/public-keys",
      signedMessageTypes.publicKeyRead,
      { ...upstream.origin(), ...question },
      publicKeyResponse,
    );
    if ("error" in answer) {
      const { code } = answer.error;
      return isErrorCode(code)
        ? { ok: false, code, reason: "public-key-refused" }
        : refusal("InternalError", "public-key-refused");
    }
    const statement = await openMessage(
      answer.statement,
      signedMessageTypes.publicKey,
      publicKeyStatement,
      await identity.bridgeKey,
    );
    const publicKey = statement === null ? null : base64Decode(statement.publicKey);
    const isOfTheKey =
      statement?.account === question.account &&
      statement.region === question.region &&
      statement.keyId === question.keyId;
    if (statement === null || publicKey === null || !isOfTheKey) {
      throw new UpstreamError("a public key that the bridge did not sign");
    }
    const leaseId = hexEncode(crypto.getRandomValues(new Uint8Array(16)));
    const loan: PublicKeyLoan = { leaseId, usage: statement.usage, publicKey };
    const use: HeldUse = {
      account: question.account,
      maxUnacknowledged: Number.MAX_SAFE_INTEGER,
      operationsLeft: Number.MAX_SAFE_INTEGER,
    };
    const expiresAtMs = sentAtMs + Math.min(LIFE_MS, Math.max(CALL_MS, answer.expiresAfterMs));
    this.#keep(name, { loan, use, mark, expiresAtMs });
    return { ok: true, value: loan };
  }

  #keep(name: string, held: Held): void {
    const before = this.#byName.get(name);
    if (before !== undefined) this.#byId.delete(before.loan.leaseId);
    const [oldest] = this.#byName;
    if (before === undefined && this.#byName.size >= MAX_HELD && oldest !== undefined) {
      this.#byName.delete(oldest[0]);
      this.#byId.delete(oldest[1].loan.leaseId);
    }
    this.#byName.set(name, held);
    this.#byId.set(held.loan.leaseId, held);
  }
}
