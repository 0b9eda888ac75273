/** KeyStore over a PKCS#11 token, which lives in a process of its own. */

import { setTimeout as sleep } from "node:timers/promises";
import { ownBytes, wipe } from "../bytes.ts";
import { StartupError } from "../errors.ts";
import {
  checkAesKey,
  checkObjectId,
  checkPlaintextLength,
  checkRandomLength,
  type KeyStore,
  type PairKind,
  pairKinds,
  type RsaPadding,
  type SelfTestReport,
  type SignScheme,
} from "../key-store.ts";
import { describeError, type Logger } from "../log.ts";
import type {
  InitTokenSettings,
  TokenSettings,
  WorkerOperation,
  WorkerOperations,
} from "./messages.ts";
import { PinRefusedError, unavailable, WorkerProcess } from "./worker-process.ts";

export interface Pkcs11StoreOptions {
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pin: string;
  readonly maxSessions?: number;
  readonly acceptExtractingToken?: boolean;
  readonly libraryParameters?: string;
  /** Variables for the PKCS#11 process only, such as SOFTHSM2_CONF. */
  readonly env?: Readonly<Record<string, string>>;
  readonly logger: Logger;
}

/** A KeyStore with what tests of its recovery need to see. */
export interface Pkcs11Store extends KeyStore {
  /** Process id of the present PKCS#11 process; undefined while there is none. */
  readonly workerPid: number | undefined;
}

/** Enough to keep a token busy from two cores; a network HSM may want more. */
const DEFAULT_SESSIONS = 8;
const OPEN_DEADLINE_MS = 30_000;
/** An RSA pair takes as long as its primes are hard to find. */
const PAIR_DEADLINE_MS = 60_000;
const RESTART_DELAYS_MS = [0, 100, 200, 500, 1_000, 2_000, 5_000];

/** Opens the token and proves what it does. StartupError, in one sentence, when that cannot succeed. */
export async function openPkcs11Store(options: Pkcs11StoreOptions): Promise<Pkcs11Store> {
  const store = new ProcessStore(options);
  await store.start();
  return store;
}

class ProcessStore implements Pkcs11Store {
  readonly kind = "pkcs11";
  readonly pairs: ReadonlySet<PairKind> = new Set(pairKinds);
  readonly #settings: TokenSettings;
  readonly #env: Readonly<Record<string, string>>;
  readonly #logger: Logger;
  #worker: WorkerProcess | null = null;
  /** Settles when the process now starting is open or has failed; null between attempts. */
  #starting: Promise<SelfTestReport> | null = null;
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
    this.#logger = options.logger;
  }

  get workerPid(): number | undefined {
    return this.#worker?.pid;
  }

  async start(): Promise<SelfTestReport> {
    let isOpen = false;
    const worker: WorkerProcess = new WorkerProcess(this.#env, () => {
      if (this.#worker === worker) this.#worker = null;
      if (!isOpen || this.#isClosed) return;
      this.#logger.error("the PKCS#11 process ended; starting another");
      void this.#restart();
    });
    this.#worker = worker;
    this.#starting = worker.call("open", this.#settings, OPEN_DEADLINE_MS);
    try {
      const report = await this.#starting;
      isOpen = true;
      return report;
    } catch (error) {
      worker.kill();
      throw error;
    } finally {
      this.#starting = null;
    }
  }

  async #restart(): Promise<void> {
    for (let attempt = 0; !this.#isClosed; attempt++) {
      await sleep(RESTART_DELAYS_MS[Math.min(attempt, RESTART_DELAYS_MS.length - 1)]);
      if (this.#isClosed) return;
      try {
        await this.start();
        this.#logger.info("the PKCS#11 process is open again", { attempt: attempt + 1 });
        return;
      } catch (error) {
        const reason = error instanceof StartupError ? { reason: error.message } : {};
        this.#logger.error("the PKCS#11 process does not open", {
          ...describeError(error),
          ...reason,
        });
        if (error instanceof PinRefusedError) return;
      }
    }
  }

  /** Waits for a process that is starting, but not through the pauses between attempts. */
  async #call<O extends WorkerOperation>(
    operation: O,
    input: WorkerOperations[O]["in"],
    deadlineMs?: number,
  ): Promise<WorkerOperations[O]["out"]> {
    if (this.#isClosed) throw unavailable("The key store is closed.");
    if (this.#starting !== null) {
      await this.#starting.catch(() => {
        throw unavailable("The token cannot be opened at present.");
      });
    }
    if (this.#worker === null) throw unavailable("The PKCS#11 process is not running.");
    try {
      return await this.#worker.call(operation, input, deadlineMs);
    } catch (error) {
      // What would end a start only ends this call: the token may come back.
      if (error instanceof StartupError) throw unavailable("The token refuses to be opened.");
      throw error;
    }
  }

  async generateAesKey(id: string): Promise<void> {
    checkObjectId(id);
    await this.#call("generate", { id });
  }

  async aesGcmEncrypt(id: string, plaintext: Uint8Array, aad: Uint8Array) {
    checkObjectId(id);
    checkPlaintextLength(plaintext);
    return ownBytes(await this.#call("encrypt", { id, plaintext, aad }));
  }

  async aesGcmDecrypt(id: string, sealed: Uint8Array, aad: Uint8Array) {
    checkObjectId(id);
    return takeOver(await this.#call("decrypt", { id, sealed, aad }));
  }

  async importAesKey(id: string, key: Uint8Array): Promise<void> {
    checkObjectId(id);
    checkAesKey(key);
    await this.#call("importKey", { id, key });
  }

  async generatePair(id: string, kind: PairKind) {
    checkObjectId(id);
    return ownBytes(await this.#call("generatePair", { id, kind }, PAIR_DEADLINE_MS));
  }

  async rsaDecrypt(id: string, padding: RsaPadding, ciphertext: Uint8Array) {
    checkObjectId(id);
    return takeOver(await this.#call("rsaDecrypt", { id, padding, ciphertext }));
  }

  async sign(id: string, scheme: SignScheme, digest: Uint8Array) {
    checkObjectId(id);
    return ownBytes(await this.#call("sign", { id, scheme, digest }));
  }

  async destroyKey(id: string): Promise<boolean> {
    checkObjectId(id);
    return this.#call("destroy", { id });
  }

  removeHollowObjects() {
    return this.#call("removeHollow", null);
  }

  listObjects() {
    return this.#call("list", null);
  }

  async random(byteCount: number) {
    checkRandomLength(byteCount);
    return takeOver(await this.#call("random", { byteCount }));
  }

  selfTest() {
    return this.#call("selfTest", null);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const worker = this.#worker;
    this.#isClosed = true;
    if (worker === null) return;
    await worker.call("close", null, 3_000).catch(() => {});
    worker.kill();
  }
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
  const worker = new WorkerProcess(env, () => {});
  try {
    return await worker.call("initToken", input, OPEN_DEADLINE_MS);
  } finally {
    worker.kill();
  }
}
