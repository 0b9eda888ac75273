/** The policy epochs of accounts as this instance knows them. They only rise; what is older than the known one is void. */

import { compareEpochs, type Epoch } from "@edge-kms/protocol";
import { isCurrentEpoch } from "./rules.ts";

export class Epochs {
  readonly #known = new Map<string, Epoch>();
  #revision = 1;
  #touched = 0;

  /** Rises with every change. */
  get revision(): number {
    return this.#revision;
  }

  /** Takes an epoch that the control plane announced or the bridge granted for. An older one changes nothing. */
  raise(account: string, epoch: Epoch): void {
    const known = this.#known.get(account);
    if (known !== undefined && compareEpochs(epoch, known) <= 0) return;
    this.#known.set(account, epoch);
    this.#revision += 1;
  }

  /** Whether what was granted at `epoch` still holds. */
  isCurrent(account: string, epoch: Epoch): boolean {
    const known = this.#known.get(account);
    return isCurrentEpoch(epoch, known ?? null);
  }

  /** Rights were given that no epoch may have told of yet: what was refused before does not count any more. */
  touch(): void {
    this.#touched += 1;
    this.#revision += 1;
  }

  /** Part of the name of what is remembered of an account: after each change, and each `touch`, another text. */
  mark(account: string): string {
    const known = this.#known.get(account);
    return `${this.#touched}.${known?.generation ?? ""}.${known?.counter ?? ""}`;
  }

  entries(): [account: string, epoch: Epoch][] {
    return [...this.#known];
  }
}
