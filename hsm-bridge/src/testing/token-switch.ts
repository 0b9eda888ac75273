/** Takes a token away from a running store and gives it back, as if its HSM had lost power. */

import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pkcs11Store } from "../pkcs11/pkcs11-store.ts";
import type { PreparedToken } from "./stores.ts";

export class TokenSwitch {
  readonly #directory: string;
  readonly #store: () => Pick<Pkcs11Store, "tokens" | "workerPid">;

  constructor(
    { settings }: Pick<PreparedToken, "settings">,
    store: () => Pick<Pkcs11Store, "tokens" | "workerPid">,
  ) {
    this.#directory = tokenDirectory(settings);
    this.#store = store;
  }

  async takeAway(): Promise<void> {
    await rename(this.#directory, `${this.#directory}-away`);
    const { workerPid } = this.#store();
    if (workerPid !== undefined) process.kill(workerPid, "SIGKILL");
    await this.#until((state) => state === "open");
  }

  async bringBack(): Promise<void> {
    await rename(`${this.#directory}-away`, this.#directory);
    await this.#until((state) => state === "closed");
  }

  async #until(is: (state: string | undefined) => boolean): Promise<void> {
    while (!is(this.#store().tokens[0]?.state)) await sleep(20);
  }
}

/** Of SoftHSM its token directory, of NSS the one that its parameters name. */
export function tokenDirectory({ env, libraryParameters }: PreparedToken["settings"]): string {
  const ofNss = /sql:([^']+)/.exec(libraryParameters ?? "")?.[1];
  return ofNss ?? join(dirname(env?.SOFTHSM2_CONF ?? ""), "tokens");
}
