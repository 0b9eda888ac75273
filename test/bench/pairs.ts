/**
 * Asymmetric keys at the edge's door and imports, through the official SDK. The rival is GenerateRandom at the same door: signature,
 * replay memory, commit point and record cost the same, and no key is used.
 */

import { constants, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { signAlgorithmRows } from "@edge-kms/protocol";
import { base64, createClient, type Kms, newAlias } from "../src/support/client.ts";
import { discard, startSystem } from "../src/support/system.ts";
import { type InTurn, measureInTurn } from "./in-turn.ts";

export type PairRow = InTurn & { readonly what: string };

const Message = base64(randomBytes(32));

/** `report` hears of each row as it is done. */
export async function benchPairs(calls: number, report: (row: PairRow) => void): Promise<void> {
  const system = await startSystem({ store: "auto" });
  try {
    const kms = createClient(system, { region: "ap-singapore" });
    const create = async (KeyUsage: string) =>
      (await kms.CreateKey({ Alias: newAlias(), KeyUsage })).KeyId ?? "";
    const row = async (what: string, subject: () => Promise<unknown>, most = calls) => {
      const rival = () => kms.GenerateRandom({ NumberOfBytes: 32 });
      report({ what, ...(await measureInTurn(subject, rival, Math.min(calls, most))) });
    };
    for (const [Algorithm, { usage }] of Object.entries(signAlgorithmRows)) {
      const asked = { KeyId: await create(usage), Algorithm, Message };
      await row(`SignByAsymmetricKey ${Algorithm}`, () => kms.SignByAsymmetricKey(asked));
      const { Signature: SignatureValue = "" } = await kms.SignByAsymmetricKey(asked);
      const verified = { ...asked, SignatureValue };
      await row(`VerifyByAsymmetricKey ${Algorithm}`, () => kms.VerifyByAsymmetricKey(verified));
    }
    const KeyId = await create("ASYMMETRIC_DECRYPT_RSA_2048");
    await row("GetPublicKey", () => kms.GetPublicKey({ KeyId }));
    const { PublicKeyPem = "" } = await kms.GetPublicKey({ KeyId });
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    for (const hash of ["1", "256"]) {
      const sealed = publicEncrypt(
        { key: PublicKeyPem, padding, oaepHash: `sha${hash}` },
        randomBytes(32),
      );
      const Algorithm = `RSAES_OAEP_SHA_${hash}`;
      const asked = { KeyId, Algorithm, Ciphertext: base64(sealed) };
      await row(`AsymmetricRsaDecrypt ${Algorithm}`, () => kms.AsymmetricRsaDecrypt(asked));
    }
    await benchImport(kms, row);
  } finally {
    await discard(system);
  }
}

/** Parameters and import apart: the first makes an RSA pair in the HSM. */
async function benchImport(
  kms: Kms,
  row: (what: string, subject: () => Promise<unknown>, most?: number) => Promise<void>,
): Promise<void> {
  const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias(), Type: 2 });
  const WrappingAlgorithm = "RSAES_OAEP_SHA_1";
  const parameters = () =>
    kms.GetParametersForImport({ KeyId, WrappingAlgorithm, WrappingKeySpec: "RSA_2048" });
  // A key gets thirty pairs in an hour.
  await row("GetParametersForImport", parameters, 20);
  const { PublicKey = "", ImportToken = "" } = await parameters();
  const key = createPublicKey({
    key: Buffer.from(PublicKey, "base64"),
    format: "der",
    type: "spki",
  });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const sealed = publicEncrypt({ key, padding, oaepHash: "sha1" }, randomBytes(32));
  const asked = { KeyId, ImportToken, EncryptedKeyMaterial: base64(sealed) };
  await row("ImportKeyMaterial", () => kms.ImportKeyMaterial(asked));
}
