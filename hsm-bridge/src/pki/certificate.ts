/**
 * X.509 v3 certificates (RFC 5280) for ECDSA P-256 keys signed with ecdsa-with-SHA256 (RFC 5758 §3.2). The library behind
 * it takes 0.1 s to load: import this module where a certificate has to be made, not before.
 */

// First: the library asks for it as it loads.
import "reflect-metadata";
import { createPrivateKey, KeyObject, type webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";

/** Both in PEM; the key is PKCS #8. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface CertificateOptions {
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface LeafOptions extends CertificateOptions {
  readonly use: "server" | "client";
  /** The key stays the caller's, who wipes it. */
  readonly authority: { readonly certificate: string; readonly privateKey: string | Buffer };
  /** DNS names and IP addresses of a server. */
  readonly subjectAltNames?: readonly string[];
}

const { KeyUsageFlags } = x509;
const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const extendedKeyUsages = {
  server: x509.ExtendedKeyUsage.serverAuth,
  client: x509.ExtendedKeyUsage.clientAuth,
} as const;

/** A new key with a certificate by itself: an authority for leaves, not for other authorities. */
export async function makeAuthority(options: CertificateOptions): Promise<CertifiedKey> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: subject(options.commonName),
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certified(certificate, keys);
}

/** A new key with a certificate by the authority. */
export async function makeLeaf(options: LeafOptions): Promise<CertifiedKey> {
  const keys = await makeKeys();
  const authority = new x509.X509Certificate(options.authority.certificate);
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    new x509.ExtendedKeyUsageExtension([extendedKeyUsages[options.use]]),
  ];
  const names = options.subjectAltNames ?? [];
  if (names.length > 0) {
    extensions.push(
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
      ),
    );
  }
  const certificate = await x509.X509CertificateGenerator.create({
    subject: subject(options.commonName),
    // As it stands in the authority's certificate, byte for byte (RFC 5280 §4.1.2.4).
    issuer: authority.subjectName,
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    publicKey: keys.publicKey,
    signingKey: signingKey(options.authority.privateKey),
    extensions,
  });
  return certified(certificate, keys);
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
}

function signingKey(pem: string | Buffer): webcrypto.CryptoKey {
  return createPrivateKey(pem).toCryptoKey(keyAlgorithm, false, ["sign"]);
}

/** As a list: a name in text would have to be escaped (RFC 4514). */
function subject(commonName: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}

function certified(
  certificate: x509.X509Certificate,
  { privateKey }: webcrypto.CryptoKeyPair,
): CertifiedKey {
  return {
    certificate: `${certificate.toString("pem")}\n`,
    privateKey: KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }) as string,
  };
}
