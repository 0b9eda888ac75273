/** The key store that the settings name, opened and tested; the software one only where it is allowed. */

import { StartupError } from "./errors.ts";
import type { KeyStore } from "./key-store.ts";
import type { Logger } from "./log.ts";
import { openPkcs11Store } from "./pkcs11/pkcs11-store.ts";
import type { Database } from "./registry/database.ts";
import { isReplicated, openReplicatedStore } from "./replicas/open.ts";
import { type BridgeSettings, homePaths, type Pkcs11Settings } from "./settings.ts";
import { openSoftwareStore } from "./software/software-store.ts";

export function checkStoreAllowed(settings: BridgeSettings): void {
  if (settings.store.kind === "software" && settings.isProduction && !settings.allowSoftwareStore) {
    throw new StartupError(
      "Production mode refuses the software key store, which is no HSM, unless --allow-software-store is given.",
    );
  }
}

export async function openStore(
  settings: BridgeSettings,
  database: Database,
  logger: Logger,
): Promise<KeyStore> {
  checkStoreAllowed(settings);
  const choice = settings.store;
  const store =
    choice.kind === "pkcs11"
      ? await openTokens(choice, database, logger)
      : await openSoftwareStore({
          directory: homePaths(settings.home).bridge,
          passphrase: choice.passphrase,
          logger,
        });
  try {
    logger.info("the key store proved itself", { kind: store.kind, ...(await store.selfTest()) });
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openTokens(
  choice: Pkcs11Settings,
  database: Database,
  logger: Logger,
): Promise<KeyStore> {
  return isReplicated(choice, database)
    ? openReplicatedStore(choice, database, logger)
    : openPkcs11Store({ ...choice, logger });
}
