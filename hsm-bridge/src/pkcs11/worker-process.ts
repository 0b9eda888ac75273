/**
 * One PKCS#11 process: starts it, passes calls, and when it dies or hangs fails what was pending. Used for a whole token
 * (`pkcs11-store.ts`, which replaces it) and for one-off jobs (`initToken`).
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
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

interface Pending {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** One incarnation of the process. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #nextSeq = 1;
  #isAlive = true;

  /** `env` is added to this process's environment; `onExit` is called once, after every pending call has failed. */
  constructor(env: Readonly<Record<string, string>>, onExit: () => void) {
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
      for (const [seq] of this.#pending) this.#fail(seq, new WorkerEndedError());
      onExit();
    };
    this.#child.on("exit", end);
    this.#child.on("error", end);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Rejects after `deadlineMs` without an answer. After `hungAfterMs` without one the library is taken to hang: the process is killed.
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
      const seq = this.#nextSeq++;
      const timer = setTimeout(() => {
        this.#fail(seq, unavailable("The token did not answer in time."));
        if (deadlineMs >= hungAfterMs) this.kill();
      }, deadlineMs);
      this.#pending.set(seq, {
        resolve: resolve as (output: unknown) => void,
        reject,
        timer,
      });
      this.#child.send({ seq, operation, input } as WorkerRequest, (error) => {
        if (error !== null) this.#fail(seq, new WorkerEndedError());
      });
    });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #receive(response: WorkerResponse): void {
    const pending = this.#pending.get(response.seq);
    if (pending === undefined) return;
    this.#pending.delete(response.seq);
    clearTimeout(pending.timer);
    if (response.ok) pending.resolve(response.output);
    else pending.reject(toError(response.error));
  }

  #fail(seq: number, error: Error): void {
    const pending = this.#pending.get(seq);
    if (pending === undefined) return;
    this.#pending.delete(seq);
    clearTimeout(pending.timer);
    pending.reject(error);
  }
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
