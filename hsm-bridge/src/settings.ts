/** Everything `startBridge` has to be told, checked and complete. `config.ts` makes it of flags, environment and file. */

import { join } from "node:path";
import type { LeaseCaps } from "./limits.ts";

export interface TokenSettings {
  /** Path of the vendor's library. */
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pin: string;
  readonly maxSessions?: number;
  /** Milliseconds until a call without an answer fails and the process counts as hung. */
  readonly deadlineMs?: number;
  readonly acceptExtractingToken?: boolean;
  readonly libraryParameters?: string;
  /** Variables for the PKCS#11 process only, such as SOFTHSM2_CONF. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Pkcs11Settings extends TokenSettings {
  readonly kind: "pkcs11";
  /** Tokens beside the first, each with copies of all keys. Their labels differ. */
  readonly furtherTokens?: readonly TokenSettings[];
  /** In how many tokens a key and what is sealed under it must be before either is answered; all when absent. */
  readonly writeQuorum?: number;
  /** Labels of tokens that are gone, and everything in them: no destruction waits for them. */
  readonly retiredTokens?: readonly string[];
}

export interface SoftwareSettings {
  readonly kind: "software";
  /** Null: the key of the store's file is held in a file beside it. */
  readonly passphrase: string | null;
}

export interface BridgeSettings {
  readonly home: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly store: Pkcs11Settings | SoftwareSettings;
  /** Refuses the software store unless `allowSoftwareStore`. */
  readonly isProduction: boolean;
  readonly allowSoftwareStore: boolean;
  /** Lease kSigning of root's access keys to edges too (design §4 "Caller secrets"). */
  readonly leaseRootCredentials: boolean;
  readonly branchPeriodDays: number;
  /** Encryptions permitted with a branch key before the next takes its place; the suite's own number where that is lower. */
  readonly branchTurnover: number;
  /** Names and addresses of the bridge besides localhost, for its certificate. */
  readonly serverNames: readonly string[];
  readonly caps: LeaseCaps;
}

/** Where things are under a home. */
export function homePaths(home: string) {
  const bridge = join(home, "bridge");
  return {
    bridge,
    pki: join(home, "pki"),
    registry: join(bridge, "registry.sqlite"),
    storeRecord: join(bridge, "store.json"),
    configFile: join(home, "config.json"),
  };
}
