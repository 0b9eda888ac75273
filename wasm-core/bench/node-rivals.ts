// Rivals that need Node: OpenSSL through node:crypto, and the SM4 packages of the registry.

import { createCipheriv, createHash, createHmac, createSecretKey } from "node:crypto";
import { createRequire } from "node:module";
import { ghash } from "@noble/ciphers/_polyval.js";
import { type Case, HMAC_SIZES, SIZES } from "./cases.ts";

interface Sm4 {
  encrypt(data: Uint8Array | number[], key: Uint8Array | string, options: object): unknown;
}

const require = createRequire(import.meta.url);
const smCryptoV2 = require("sm-crypto-v2") as { sm4: Sm4 };
const smCrypto = require("sm-crypto") as { sm4: Sm4 };

function openssl(subject: string, implementation: string, cipher: string, keyBytes: number): Case {
  const key = createSecretKey(Buffer.alloc(keyBytes, 7));
  const iv = Buffer.alloc(cipher.endsWith("gcm") ? 12 : 16, 9);
  return {
    subject,
    implementation,
    sizes: SIZES,
    prepare: (bytes) => {
      const text = Buffer.alloc(bytes, 5);
      return () => {
        const encryption = createCipheriv(cipher, key, iv);
        encryption.update(text);
        encryption.final();
      };
    },
  };
}

export function nodeRivals(): Case[] {
  const hmacKey = createSecretKey(Buffer.alloc(32, 7));
  return [
    openssl("aes-256-gcm", "node:crypto", "aes-256-gcm", 32),
    openssl("sm4-gcm", "node:crypto sm4-ctr", "sm4-ctr", 16),
    {
      subject: "sm4-gcm",
      implementation: "sm-crypto-v2",
      sizes: SIZES,
      prepare: (bytes) => {
        const text = new Uint8Array(bytes).fill(5);
        const key = new Uint8Array(16).fill(7);
        const iv = new Uint8Array(12).fill(9);
        const options = { mode: "gcm", iv, output: "array", outputTag: true };
        return () => smCryptoV2.sm4.encrypt(text, key, options);
      },
    },
    {
      subject: "sm4-gcm",
      implementation: "sm-crypto cbc",
      sizes: SIZES,
      prepare: (bytes) => {
        const text = new Array<number>(bytes).fill(5);
        const options = { mode: "cbc", iv: "09".repeat(16), output: "array" };
        return () => smCrypto.sm4.encrypt(text, "07".repeat(16), options);
      },
    },
    {
      subject: "ghash",
      implementation: "@noble/ciphers",
      sizes: SIZES,
      prepare: (bytes) => {
        const data = new Uint8Array(bytes).fill(5);
        const key = new Uint8Array(16).fill(7);
        return () => ghash(data, key);
      },
    },
    {
      subject: "sha256",
      implementation: "node:crypto",
      sizes: SIZES,
      prepare: (bytes) => {
        const data = Buffer.alloc(bytes, 5);
        return () => createHash("sha256").update(data).digest();
      },
    },
    {
      subject: "hmac-sha256",
      implementation: "node:crypto",
      sizes: HMAC_SIZES,
      prepare: (bytes) => {
        const data = Buffer.alloc(bytes, 5);
        return () => createHmac("sha256", hmacKey).update(data).digest();
      },
    },
  ];
}
