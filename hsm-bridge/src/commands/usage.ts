/** What `--help` prints. */

import { settingsHelp } from "../config.ts";

/** The command line is wrong: exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export function usage(): string {
  return `Usage: node hsm-bridge/src/main.ts <command> [flags]

  serve                          run the bridge
  init-token                     make a token and set its user PIN (--pkcs11-module --token-label
                                 --pin-file --so-pin-file; PIN files are made when absent)
Operator, with <home>/pki/operator.*:
  status                         identity, store, epochs; and whether the HSM works
  enroll --edge NAME --public-key BASE64 --accounts A,B --regions R,S --group G
  list                           enrolled edges, freezes, and ceilings below lease
  freeze edge|key|account ID --reason TEXT
  unfreeze edge|key|account ID
  ceiling lease|proxy|deny KEY   the most that edges may do with a key: hold its branch keys, have the
                                 bridge use them, nothing
  log [--after N] [--limit N]    the bridge's own log
  random [BYTES]                 bytes from the store's generator, base64

  --home DIR                 everything is under it (EDGE_KMS_HOME, .edge-kms)
  --json                     one JSON object instead of text
  --url URL                  bridge to talk to (operator commands)
Flags of serve, also as EDGE_KMS_<FLAG> and in <home>/config.json under "bridge" in camelCase:
${settingsHelp()}
`;
}
