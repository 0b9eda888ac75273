/**
 * The certificates of the mTLS between bridge, control plane and operators, in one directory: `ca`, `bridge`,
 * `control-plane` and `operator`, each `.crt` and `.key` (0600). Made at first start; leaf certificates are renewed at
 * start when less than 30 days are left. The subject CN of a client certificate is its role.
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { wipe } from "../bytes.ts";
import { StartupError } from "../errors.ts";
import { fileExists, makePrivateDirectory, readSecretFile, writeFileDurably } from "../files.ts";
import type { Logger } from "../log.ts";
import type { CertifiedKey } from "./certificate.ts";

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
const LEAF_DAYS = 365;
const RENEWED_BEFORE_MS = 30 * DAY_MS;
const AUTHORITY_NAME = "edge-kms bridge CA";
/** Clocks of two machines may differ. */
const BACKDATED_MS = 3_600_000;

const leaves = [
  { name: "bridge", use: "server" },
  { name: "control-plane", use: "client" },
  { name: "operator", use: "client" },
] as const;

export interface ServerCredentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes what is missing, renews what ends soon, and answers what the server needs. */
export async function openPki(
  directory: string,
  serverNames: readonly string[],
  nowMs: number,
  logger: Logger,
): Promise<ServerCredentials> {
  await makePrivateDirectory(directory);
  const path = (file: string): string => join(directory, file);
  try {
    if (!(await fileExists(path("ca.crt")))) await issueAuthority(directory, nowMs);
    const ca = await readFile(path("ca.crt"), "utf8");
    const names = ["localhost", "127.0.0.1", "::1", ...serverNames];
    for (const leaf of leaves) {
      const wanted = leaf.use === "server" ? [...new Set(names)] : [];
      const reason = await reasonToIssue(directory, leaf.name, ca, wanted, nowMs);
      if (reason === null) continue;
      await issueLeaf(directory, leaf.name, leaf.use, ca, wanted, nowMs, reason);
      logger.info("a certificate was issued", { name: leaf.name, reason });
    }
    const key = await readSecretFile(path("bridge.key"), "The bridge's TLS key");
    return { ca, cert: await readFile(path("bridge.crt"), "utf8"), key: key.toString("utf8") };
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`The certificates in ${directory} are damaged or unreadable.`, error);
  }
}

async function issueAuthority(directory: string, nowMs: number): Promise<void> {
  const { makeAuthority } = await loadCertificates();
  const authority = await makeAuthority({
    commonName: AUTHORITY_NAME,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
  });
  await writeCertified(directory, "ca", authority);
}

/** Why a leaf has to be issued, or null when the one there is good. */
async function reasonToIssue(
  directory: string,
  name: string,
  ca: string,
  wantedNames: readonly string[],
  nowMs: number,
): Promise<"missing" | "ends soon" | "names changed" | "of another CA" | null> {
  const certificatePath = join(directory, `${name}.crt`);
  const keyPath = join(directory, `${name}.key`);
  if (!(await fileExists(certificatePath)) || !(await fileExists(keyPath))) return "missing";
  const certificate = new X509Certificate(await readFile(certificatePath));
  const key = createPrivateKey(await readSecretFile(keyPath, "A TLS key"));
  const authority = new X509Certificate(ca);
  if (!certificate.checkPrivateKey(key)) return "missing";
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) {
    return "of another CA";
  }
  if (Date.parse(certificate.validTo) - nowMs < RENEWED_BEFORE_MS) return "ends soon";
  const isCovered = wantedNames.every(
    (wanted) =>
      (isIP(wanted) === 0 ? certificate.checkHost(wanted) : certificate.checkIP(wanted)) !==
      undefined,
  );
  return isCovered ? null : "names changed";
}

async function issueLeaf(
  directory: string,
  name: string,
  use: "server" | "client",
  ca: string,
  subjectAltNames: readonly string[],
  nowMs: number,
  reason: string,
): Promise<void> {
  const authorityKeyPath = join(directory, "ca.key");
  if (!(await fileExists(authorityKeyPath))) {
    throw new StartupError(
      `The certificate "${name}" has to be issued (${reason}), and ${authorityKeyPath} is not here: bring it back for one start.`,
    );
  }
  const notAfterMs = Math.min(
    nowMs + LEAF_DAYS * DAY_MS,
    Date.parse(new X509Certificate(ca).validTo),
  );
  const { makeLeaf } = await loadCertificates();
  const authorityKey = await readSecretFile(authorityKeyPath, "The CA's key");
  try {
    const leaf = await makeLeaf({
      commonName: name,
      use,
      authority: { certificate: ca, privateKey: authorityKey },
      notBefore: new Date(nowMs - BACKDATED_MS),
      notAfter: new Date(notAfterMs),
      subjectAltNames,
    });
    await writeCertified(directory, name, leaf);
  } finally {
    wipe(authorityKey);
  }
}

/** Most starts make no certificate and do without what it takes. */
function loadCertificates(): Promise<typeof import("./certificate.ts")> {
  return import("./certificate.ts");
}

/** The certificate last: it is what says that the pair is complete. */
async function writeCertified(directory: string, name: string, made: CertifiedKey): Promise<void> {
  await writeFileDurably(join(directory, `${name}.key`), made.privateKey, 0o600);
  await writeFileDurably(join(directory, `${name}.crt`), made.certificate, 0o644);
}
