/**
 * Sessions on one token. One operation per session at a time (PKCS#11 v2.40 §5.11: an active operation blocks its
 * session); a session that saw any error is closed and never used again, because a failed operation can stay active.
 * One more session only keeps the login, which ends with the last session (§5.6.6), and does no work.
 */

import type { Handle, Library } from "./library.ts";
import { findSlot } from "./library.ts";
import {
  CKR_SESSION_COUNT,
  CKR_USER_ALREADY_LOGGED_IN,
  CKR_USER_NOT_LOGGED_IN,
  lossOf,
  ReturnValueError,
  returnValueOf,
  TokenLostError,
} from "./return-values.ts";

/** PKCS#11 v2.40 §3.3: a read-write session whose user has logged in. */
const CKS_RW_USER_FUNCTIONS = 3;

/** A token that gives no further session is not asked for one for so long. */
const LIMIT_MS = 10_000;

export interface SessionSettings {
  readonly tokenLabel: string;
  readonly pin: string;
  readonly maxSessions: number;
}

export class Sessions {
  readonly #library: Library;
  readonly #settings: SessionSettings;
  #slot: Handle | null = null;
  #loginSession: Handle | null = null;
  #idle: Handle[] = [];
  #inUse = 0;
  /** Sessions in use at once: `maxSessions`, or for a while fewer, where the token gave no more. */
  #limit: number;
  #limitUntilMs = 0;
  #waiting: (() => void)[] = [];
  /** Rises with every login; a session of an earlier one is not put back. */
  #login = 0;

  constructor(library: Library, settings: SessionSettings) {
    this.#library = library;
    this.#settings = settings;
    this.#limit = settings.maxSessions;
  }

  /** Number of the present login; cached object handles are good for one only. */
  get login(): number {
    return this.#login;
  }

  /** Finds the token, opens the login session, logs in. Throws what the library throws. */
  logIn(): void {
    const { module, ck } = this.#library;
    this.#slot = findSlot(this.#library, this.#settings.tokenLabel);
    const session = this.#openSession();
    try {
      module.C_Login(session, ck.CKU_USER, this.#settings.pin);
    } catch (error) {
      if (returnValueOf(error) !== CKR_USER_ALREADY_LOGGED_IN) {
        this.#close(session);
        throw error;
      }
    }
    this.#loginSession = session;
    this.#login += 1;
  }

  /**
   * Runs one operation on a session of its own. When login or handles were lost it logs in again and, if `mayRepeat`,
   * runs the operation once more: not for making keys, of which a lost answer could leave two.
   */
  async use<T>(mayRepeat: boolean, operation: (session: Handle) => Promise<T> | T): Promise<T> {
    const login = this.#login;
    try {
      return await this.#useOnce(operation);
    } catch (error) {
      if (lossOf(error) !== "login") throw error;
      if (login === this.#login) this.#logInAgain();
      if (!mayRepeat) throw error;
      return await this.#useOnce(operation).catch((again: unknown) => {
        throw lossOf(again) === "login" ? new TokenLostError(again) : again;
      });
    }
  }

  async #useOnce<T>(operation: (session: Handle) => Promise<T> | T): Promise<T> {
    const session = await this.#take();
    const login = this.#login;
    try {
      const result = await operation(session);
      if (login === this.#login) this.#idle.push(session);
      else this.#close(session);
      return result;
    } catch (error) {
      this.#close(session);
      throw error;
    } finally {
      this.#inUse -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Waits until a session may be used. A token that gives no further one is asked for no more than those in use. */
  async #take(): Promise<Handle> {
    for (;;) {
      // Others may have had the sessions that it lacked.
      if (performance.now() >= this.#limitUntilMs) this.#limit = this.#settings.maxSessions;
      while (this.#inUse >= this.#limit) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
      try {
        const session = this.#idle.pop() ?? this.#openSession();
        this.#inUse += 1;
        return session;
      } catch (error) {
        if (returnValueOf(error) !== CKR_SESSION_COUNT || this.#inUse === 0) {
          this.#waiting.shift()?.();
          throw error;
        }
        this.#limit = this.#inUse;
        this.#limitUntilMs = performance.now() + LIMIT_MS;
      }
    }
  }

  /** Throws CKR_USER_NOT_LOGGED_IN when this session has no login. */
  requireLogin(session: Handle): void {
    const { state } = this.#library.module.C_GetSessionInfo(session);
    if (state !== CKS_RW_USER_FUNCTIONS) throw new ReturnValueError(CKR_USER_NOT_LOGGED_IN);
  }

  #logInAgain(): void {
    const stale = this.#loginSession === null ? this.#idle : [...this.#idle, this.#loginSession];
    this.#idle = [];
    this.#loginSession = null;
    for (const session of stale) this.#close(session);
    try {
      this.logIn();
    } catch (error) {
      throw new TokenLostError(error);
    }
  }

  #openSession(): Handle {
    const { module, ck } = this.#library;
    return module.C_OpenSession(this.#slot as Handle, ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION);
  }

  #close(session: Handle): void {
    try {
      this.#library.module.C_CloseSession(session);
    } catch {
      // A session that is gone already is what was wanted.
    }
  }
}
