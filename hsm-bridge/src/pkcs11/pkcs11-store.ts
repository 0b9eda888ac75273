/** KeyStore over a PKCS#11 token, which lives in a process of its own. */

import { randomBytes } from "node:crypto";
import { ownBytes, wipe } from "../bytes.ts";
import { BridgeError, StartupError } from "../errors.ts";
import {
  checkAesKey,
  checkObjectId,
  checkPlaintextLength,
  checkRandomLength,
  type KeyStore,
  type PairKind,
  pairKinds,
  proveBy,
  type RsaPadding,
  type SignScheme,
  type TokenState,
} from "../key-store.ts";
import type { Logger } from "../log.ts";
import { Breaker, reasonOf } from "./breaker.ts";
import type {
  InitTokenSettings,
  TokenSettings,
  WorkerOperation,
  WorkerOperations,
} from "./messages.ts";
import { unavailable, WorkerEndedError, WorkerProcess } from "./worker-process.ts";

export interface Pkcs11StoreOptions {
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pin: string;
  readonly maxSessions?: number;
  readonly acceptExtractingToken?: boolean;
  readonly libraryParameters?: string;
  /** Variables for the PKCS#11 process only, such as SOFTHSM2_CONF. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until a call without an answer fails, and the process counts as hung. */
  readonly deadlineMs?: number;
  /** A token that does not open is out of service, as one that is lost later; one of several. */
  readonly mayBeAbsent?: boolean;
  readonly logger: Logger;
}

/** A KeyStore with what tests of its recovery need to see. */
export interface Pkcs11Store extends KeyStore {
  /** Process id of the present PKCS#11 process; undefined while there is none. */
  readonly workerPid: number | undefined;
}

/** Enough to keep a token busy from two cores; a network HSM may want more. */
const DEFAULT_SESSIONS = 8;
const DEFAULT_DEADLINE_MS = 10_000;
const OPEN_DEADLINE_MS = 30_000;
/** An RSA pair takes as long as its primes are hard to find. */
const PAIR_DEADLINE_MS = 60_000;

/**
 * Opens the token and proves what it does. StartupError, in one sentence, when that cannot succeed, unless it may be absent: then
 * it is tried again like one that was lost.
 */
export async function openPkcs11Store(options: Pkcs11StoreOptions): Promise<Pkcs11Store> {
  const store = new ProcessStore(options);
  await store.start(options.mayBeAbsent === true);
  return store;
}

class ProcessStore implements Pkcs11Store {
  readonly kind = "pkcs11";
  readonly isReplicated = false;
  readonly pairs: ReadonlySet<PairKind> = new Set(pairKinds);
  readonly #settings: TokenSettings;
  readonly #env: Readonly<Record<string, string>>;
  readonly #deadlineMs: number;
  readonly #breaker: Breaker;
  /** The process that serves; null while there is none. */
  #worker: WorkerProcess | null = null;
  /** One that is being opened, to be ended with the store. */
  #opening: WorkerProcess | null = null;
  /** The key that `prove` was asked of: what an attempt at recovery wraps under too. Null until it did what it should. */
  #provenKey: string | null = null;
  #isClosed = false;

  constructor(options: Pkcs11StoreOptions) {
    const { modulePath, tokenLabel, pin, libraryParameters } = options;
    this.#settings = {
      modulePath,
      tokenLabel,
      pin,
      maxSessions: options.maxSessions ?? DEFAULT_SESSIONS,
      acceptExtractingToken: options.acceptExtractingToken === true,
      ...(libraryParameters === undefined ? {} : { libraryParameters }),
    };
    this.#env = options.env ?? {};
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    this.#breaker = new Breaker(tokenLabel, () => this.#recover(), options.logger);
  }

  get workerPid(): number | undefined {
    return this.#worker?.pid;
  }

  get tokens(): readonly TokenState[] {
    return [this.#breaker.state];
  }

  async start(mayBeAbsent: boolean): Promise<void> {
    try {
      this.#worker = await this.#open();
    } catch (error) {
      if (!mayBeAbsent) throw error;
      this.#breaker.absent(error);
    }
  }

  /** A new process with the token open in it. */
  async #open(): Promise<WorkerProcess> {
    // Twice as many as there are sessions, so that none is idle while an answer travels.
    const mostAtOnce = 2 * this.#settings.maxSessions;
    const worker: WorkerProcess = new WorkerProcess(this.#env, mostAtOnce, () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      if (!this.#isClosed) this.#breaker.lost("The PKCS#11 process ended.");
    });
    this.#opening = worker;
    try {
      await worker.call("open", this.#settings, OPEN_DEADLINE_MS);
      if (this.#isClosed) throw closed();
      return worker;
    } catch (error) {
      worker.kill();
      throw error;
    } finally {
      this.#opening = null;
    }
  }

  /**
   * Sessions, login and handles are renewed by the process itself, in that order, when one is lost (`sessions.ts`): a wrap and an unwrap
   * in the process that is there may be all that is needed. If not, another process initialises the library anew.
   */
  async #recover(): Promise<void> {
    const present = this.#worker;
    if (present !== null) {
      try {
        return await this.#prove(present);
      } catch {
        this.#worker = null;
        present.kill();
      }
    }
    const worker = await this.#open();
    try {
      await this.#prove(worker);
    } catch (error) {
      worker.kill();
      throw error;
    }
    this.#worker = worker;
  }

  /** A real wrap and a real unwrap: with its token directory gone, SoftHSM still opens sessions and finds objects. */
  async #prove(worker: WorkerProcess): Promise<void> {
    const id = this.#provenKey;
    if (id === null) {
      await worker.call("selfTest", null, this.#deadlineMs);
      return;
    }
    const plaintext = randomBytes(32);
    const aad = Buffer.from("edge-kms recovery");
    const sealed = await worker.call("encrypt", { id, plaintext, aad }, this.#deadlineMs);
    const opened = await worker.call("decrypt", { id, sealed, aad }, this.#deadlineMs);
    if (!plaintext.equals(opened)) throw unavailable("The token does not open what it wrapped.");
  }

  /** `kind` says whether the call may be made once more when the process ended under it. */
  async #call<O extends WorkerOperation>(
    kind: "read" | "change",
    operation: O,
    input: WorkerOperations[O]["in"],
    deadlineMs = this.#deadlineMs,
  ): Promise<WorkerOperations[O]["out"]> {
    const endMs = performance.now() + deadlineMs;
    const leftMs = (): number => Math.max(1, endMs - performance.now());
    for (let attempt = 1; ; attempt++) {
      if (this.#isClosed) throw closed();
      await this.#breaker.admit(leftMs());
      if (this.#worker === null) throw unavailable("The PKCS#11 process is not running.");
      try {
        const output = await this.#worker.call(operation, input, leftMs(), deadlineMs);
        this.#breaker.succeeded();
        return output;
      } catch (error) {
        if (error instanceof WorkerEndedError && kind === "read" && attempt === 1) continue;
        // A token that answers wrongly is none to go on with.
        if (operation === "selfTest" && error instanceof StartupError) throw error;
        // What would end a start only ends this call: the token may come back.
        const failure =
          error instanceof StartupError ? unavailable("The token refuses to be opened.") : error;
        if (failure instanceof BridgeError && failure.code === "hsm-unavailable") {
          this.#breaker.failed(reasonOf(error));
        }
        throw failure;
      }
    }
  }

  async generateAesKey(id: string): Promise<void> {
    checkObjectId(id);
    await this.#call("change", "generate", { id });
  }

  async aesGcmEncrypt(id: string, plaintext: Uint8Array, aad: Uint8Array) {
    checkObjectId(id);
    checkPlaintextLength(plaintext);
    return ownBytes(await this.#call("read", "encrypt", { id, plaintext, aad }));
  }

  async aesGcmDecrypt(id: string, sealed: Uint8Array, aad: Uint8Array) {
    checkObjectId(id);
    return takeOver(await this.#call("read", "decrypt", { id, sealed, aad }));
  }

  async importAesKey(id: string, key: Uint8Array): Promise<void> {
    checkObjectId(id);
    checkAesKey(key);
    await this.#call("change", "importKey", { id, key });
  }

  async generatePair(id: string, kind: PairKind) {
    checkObjectId(id);
    return ownBytes(await this.#call("change", "generatePair", { id, kind }, PAIR_DEADLINE_MS));
  }

  async rsaDecrypt(id: string, padding: RsaPadding, ciphertext: Uint8Array) {
    checkObjectId(id);
    return takeOver(await this.#call("read", "rsaDecrypt", { id, padding, ciphertext }));
  }

  async sign(id: string, scheme: SignScheme, digest: Uint8Array) {
    checkObjectId(id);
    return ownBytes(await this.#call("read", "sign", { id, scheme, digest }));
  }

  async destroyKey(id: string): Promise<boolean> {
    checkObjectId(id);
    if (this.#provenKey === id) this.#provenKey = null;
    return this.#call("change", "destroy", { id });
  }

  hasObject(id: string) {
    checkObjectId(id);
    return this.#call("read", "has", { id });
  }

  removeHollowObjects() {
    return this.#call("change", "removeHollow", null);
  }

  listObjects() {
    return this.#call("read", "list", null);
  }

  async random(byteCount: number) {
    checkRandomLength(byteCount);
    return takeOver(await this.#call("read", "random", { byteCount }));
  }

  async prove(id: string) {
    await proveBy(this, id);
    this.#provenKey = id;
  }

  selfTest() {
    return this.#call("read", "selfTest", null);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const worker = this.#worker;
    this.#isClosed = true;
    this.#breaker.stop();
    this.#opening?.kill();
    if (worker === null) return;
    await worker.call("close", null, 3_000).catch(() => {});
    worker.kill();
  }
}

function closed(): BridgeError {
  return unavailable("The key store is closed.");
}

/** Bytes from the channel in memory of their own, the channel's copy wiped. */
function takeOver(received: Uint8Array) {
  const own = ownBytes(received);
  wipe(received);
  return own;
}

/** Makes a token on a new slot of a library, with a user PIN. Repeating it with the same PINs changes nothing. */
export async function initToken(
  settings: InitTokenSettings & { readonly env?: Readonly<Record<string, string>> },
): Promise<{ isNew: boolean }> {
  const { env = {}, ...input } = settings;
  const worker = new WorkerProcess(env, 1, () => {});
  try {
    return await worker.call("initToken", input, OPEN_DEADLINE_MS);
  } finally {
    worker.kill();
  }
}
