/** X.509 v3 certificates (RFC 5280) for ECDSA P-256 keys signed with ecdsa-with-SHA256 (RFC 5758 §3.2). */

import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8String,
} from "./der.ts";

export type CertificateUse = "authority" | "server" | "client";

export interface CertificateOptions {
  readonly commonName: string;
  readonly use: CertificateUse;
  readonly publicKey: KeyObject;
  readonly issuer: {
    readonly commonName: string;
    readonly privateKey: KeyObject;
    readonly publicKey: KeyObject;
  };
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DNS names and IP addresses of a server. */
  readonly subjectAltNames?: readonly string[];
}

const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));

/** A signed certificate in PEM. */
export function makeCertificate(options: CertificateOptions): string {
  const { issuer, use } = options;
  // RFC 5280 §4.1.2.2: positive, at most 20 octets; 128 random bits.
  const serial = integer(Buffer.concat([Buffer.from([1]), randomBytes(15)]));
  const extensions = [
    extension(
      "2.5.29.19",
      true,
      use === "authority" ? sequence(boolean(true), integer(Buffer.from([0]))) : sequence(),
    ),
    extension("2.5.29.15", true, keyUsage(use)),
    extension("2.5.29.14", false, octetString(keyIdentifier(options.publicKey))),
    extension("2.5.29.35", false, sequence(implicit(0, keyIdentifier(issuer.publicKey)))),
  ];
  if (use !== "authority") {
    const purpose = use === "server" ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2";
    extensions.push(extension("2.5.29.37", false, sequence(oid(purpose))));
  }
  const names = options.subjectAltNames ?? [];
  if (names.length > 0) {
    extensions.push(extension("2.5.29.17", false, sequence(...names.map(generalName))));
  }
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))),
    serial,
    ecdsaWithSha256,
    name(issuer.commonName),
    sequence(time(options.notBefore), time(options.notAfter)),
    name(options.commonName),
    options.publicKey.export({ format: "der", type: "spki" }),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign("sha256", toBeSigned, issuer.privateKey);
  const der = sequence(toBeSigned, ecdsaWithSha256, bitString(signature));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function name(commonName: string): Buffer {
  return sequence(set(sequence(oid("2.5.4.3"), utf8String(commonName))));
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octetString(value));
}

/** RFC 5280 §4.2.1.3: keyCertSign and cRLSign (bits 5, 6) of an authority, else digitalSignature (bit 0). */
function keyUsage(use: CertificateUse): Buffer {
  return use === "authority"
    ? bitString(Buffer.from([0b0000_0110]), 1)
    : bitString(Buffer.from([0b1000_0000]), 7);
}

/** RFC 5280 §4.2.1.2 method (1): SHA-1 of the public key's bits. A name, not a security measure. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const point = Buffer.concat([
    Buffer.from([4]),
    Buffer.from(x, "base64url"),
    Buffer.from(y, "base64url"),
  ]);
  return createHash("sha1").update(point).digest();
}

/** RFC 5280 §4.2.1.6: dNSName [2] or iPAddress [7]. */
function generalName(text: string): Buffer {
  const family = isIP(text);
  if (family === 0) return implicit(2, Buffer.from(text, "ascii"));
  return implicit(7, family === 4 ? Buffer.from(text.split(".").map(Number)) : ipv6Bytes(text));
}

function ipv6Bytes(text: string): Buffer {
  const [head = "", tail] = text.split("::");
  const words = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16));
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}
