/** Makes a token (SoftHSM or any library that offers an empty slot) and the PIN files it needs. */

import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { type FlagValues, readSources } from "../config.ts";
import { fileExists, readSecretFile, writeFileDurably } from "../files.ts";
import { initToken } from "../pkcs11/pkcs11-store.ts";
import { UsageError } from "./usage.ts";

type Flags = FlagValues & {
  readonly "so-pin-file"?: string | undefined;
  readonly json?: boolean | undefined;
};

export async function initTokenCommand(flags: Flags): Promise<void> {
  const sources = await readSources(flags, process.env);
  const modulePath = sources.text("pkcs11-module");
  const tokenLabel = sources.text("token-label");
  const pinFile = sources.text("pin-file");
  const officerPinFile = flags["so-pin-file"];
  if (
    modulePath === null ||
    tokenLabel === null ||
    pinFile === null ||
    officerPinFile === undefined
  ) {
    throw new UsageError(
      "init-token needs --pkcs11-module, --token-label, --pin-file and --so-pin-file.",
    );
  }
  const securityOfficerPin = await readOrMakePin(officerPinFile);
  const pin = await readOrMakePin(pinFile);
  const libraryParameters = sources.text("library-parameters");
  const { isNew } = await initToken({
    modulePath: resolve(modulePath),
    tokenLabel,
    pin,
    securityOfficerPin,
    ...(libraryParameters === null ? {} : { libraryParameters }),
  });
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ tokenLabel, isNew })}\n`
      : `${isNew ? "Made" : "Found"} the token "${tokenLabel}".\n`,
  );
}

/** A PIN that is written down before it is used: a crash in between leaves a file, never a token nobody can open. */
async function readOrMakePin(file: string): Promise<string> {
  const path = resolve(file);
  if (!(await fileExists(path))) {
    await writeFileDurably(path, `${randomBytes(16).toString("hex")}\n`, 0o600);
  }
  return (await readSecretFile(path, "The PIN file")).toString("utf8").replace(/\r?\n$/, "");
}
