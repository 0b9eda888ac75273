/**
 * One PKCS#11 process: starts it, passes calls, and when it dies or hangs fails what was pending. Used for a whole token
 * (`pkcs11-store.ts`, which replaces it) and for one-off jobs (`initToken`).
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { wipe } from "../bytes.ts";
import { BridgeError, StartupError } from "../errors.ts";
import type {
  WorkerFailure,
  WorkerOperation,
  WorkerOperations,
  WorkerRequest,
  WorkerResponse,
} from "./messages.ts";

const workerPath = fileURLToPath(new URL("./worker.ts", import.meta.url));

/** Secrets of the bridge that the vendor's library has no business with. */
const withheldVariables = ["EDGE_KMS_PIN", "EDGE_KMS_SOFTWARE_PASSPHRASE"];

interface Call {
  readonly request: WorkerRequest;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
  /** Ends the caller's waiting. */
  readonly timer: NodeJS.Timeout;
  readonly hungAfterMs: number;
  /** Ends the process; runs from when the call was sent. */
  hungTimer?: NodeJS.Timeout;
  isGivenUp: boolean;
}

/** One incarnation of the process. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #mostAtOnce: number;
  /** Sent and not answered. A call whose caller has given up stays here: the process may still be at it. */
  readonly #sent = new Map<number, Call>();
  readonly #queue: Call[] = [];
  #nextSeq = 1;
  #isAlive = true;

  /**
   * `env` is added to this process's environment; `mostAtOnce` calls are sent before one is answered, so that one which was sent is worked
   * at or soon will be; `onExit` is called once, after every pending call has failed.
   */
  constructor(env: Readonly<Record<string, string>>, mostAtOnce: number, onExit: () => void) {
    this.#mostAtOnce = mostAtOnce;
    const inherited = { ...process.env };
    for (const name of withheldVariables) delete inherited[name];
    this.#child = fork(workerPath, [], {
      env: { ...inherited, ...env },
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#child.on("message", (response: WorkerResponse) => this.#receive(response));
    const end = (): void => {
      if (!this.#isAlive) return;
      this.#isAlive = false;
      const calls = [...this.#sent.values(), ...this.#queue.splice(0)];
      this.#sent.clear();
      for (const call of calls) {
        stopTimers(call);
        call.reject(new WorkerEndedError());
      }
      onExit();
    };
    this.#child.on("exit", end);
    this.#child.on("error", end);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Rejects after `deadlineMs` without an answer. `hungAfterMs` after it was sent, and not before, the library is taken to hang and the process
   * is killed: a queue that is too long is no reason.
   */
  call<O extends WorkerOperation>(
    operation: O,
    input: WorkerOperations[O]["in"],
    deadlineMs: number,
    hungAfterMs = deadlineMs,
  ): Promise<WorkerOperations[O]["out"]> {
    return new Promise((resolve, reject) => {
      if (!this.#isAlive || !this.#child.connected) {
        reject(new WorkerEndedError());
        return;
      }
      const call: Call = {
        request: { seq: this.#nextSeq++, operation, input } as WorkerRequest,
        resolve: resolve as (output: unknown) => void,
        reject,
        timer: setTimeout(() => this.#giveUp(call), deadlineMs),
        hungAfterMs,
        isGivenUp: false,
      };
      this.#queue.push(call);
      this.#sendNext();
    });
  }

  #sendNext(): void {
    while (this.#isAlive && this.#sent.size < this.#mostAtOnce) {
      const call = this.#queue.shift();
      if (call === undefined) return;
      const { seq } = call.request;
      this.#sent.set(seq, call);
      call.hungTimer = setTimeout(() => this.kill(), call.hungAfterMs);
      // A process that cannot be reached is ending: that fails the call.
      this.#child.send(call.request, () => {});
    }
  }

  #giveUp(call: Call): void {
    call.isGivenUp = true;
    const at = this.#queue.indexOf(call);
    // The input is the caller's to wipe from now on: what was not sent never will be.
    if (at >= 0) this.#queue.splice(at, 1);
    call.reject(unavailable("The token did not answer in time."));
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #receive(response: WorkerResponse): void {
    const call = this.#sent.get(response.seq);
    if (call === undefined) return;
    this.#sent.delete(response.seq);
    stopTimers(call);
    if (!response.ok) call.reject(toError(response.error));
    else if (!call.isGivenUp) call.resolve(response.output);
    else if (response.output instanceof Uint8Array) wipe(response.output);
    this.#sendNext();
  }
}

function stopTimers({ timer, hungTimer }: Call): void {
  clearTimeout(timer);
  clearTimeout(hungTimer);
}

export function unavailable(message: string): BridgeError {
  return new BridgeError("hsm-unavailable", message);
}

/** The process ended before it answered: what it did of the call is not known. */
export class WorkerEndedError extends BridgeError {
  constructor() {
    super("hsm-unavailable", "The PKCS#11 process ended.");
  }
}

/** The PIN is wrong or locked: opening again with it would use up what attempts are left. */
export class PinRefusedError extends StartupError {}

function toError(failure: WorkerFailure): Error {
  if (failure.isFinal) {
    const Kind = failure.isPinRefused === true ? PinRefusedError : StartupError;
    return new Kind(
      failure.detail === ""
        ? failure.message
        : `The token refuses to be opened (${failure.detail}).`,
    );
  }
  return new BridgeError(failure.code, failure.message, { detail: failure.detail });
}
