// Drives edge-kms with the unmodified official SDK. Run it in the checkout, beside a running `npm start`:
//
//     node --env-file=.edge-kms/client.env examples/first-light.mjs ["text to encrypt"]

import tencentcloud from "tencentcloud-sdk-nodejs";

const { TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY, TENCENTCLOUD_REGION, KMS_ENDPOINT } =
  process.env;
if (!KMS_ENDPOINT) {
  console.error("KMS_ENDPOINT is not set: pass --env-file=<home>/client.env to node.");
  process.exit(1);
}
const { protocol, host } = new URL(KMS_ENDPOINT);
const kms = new tencentcloud.kms.v20190118.Client({
  credential: { secretId: TENCENTCLOUD_SECRET_ID, secretKey: TENCENTCLOUD_SECRET_KEY },
  region: TENCENTCLOUD_REGION,
  profile: { httpProfile: { protocol: `${protocol}//`, endpoint: host } },
});

const text = process.argv[2] ?? "hello from the edge";
const context = { EncryptionContext: JSON.stringify({ purpose: "first light" }) };

const { KeyId } = await kms.CreateKey({ Alias: `first-light-${Date.now()}` });
console.log("created key      ", KeyId);

const Plaintext = Buffer.from(text).toString("base64");
const { CiphertextBlob } = await kms.Encrypt({ KeyId, Plaintext, ...context });
console.log("ciphertext       ", `${CiphertextBlob.slice(0, 60)}…`);

const opened = await kms.Decrypt({ CiphertextBlob, ...context });
console.log("decrypted        ", Buffer.from(opened.Plaintext, "base64").toString());

const dataKey = await kms.GenerateDataKey({ KeyId, KeySpec: "AES_256" });
const again = await kms.Decrypt({ CiphertextBlob: dataKey.CiphertextBlob });
console.log(
  "data key opens to",
  again.Plaintext === dataKey.Plaintext ? "the same 32 bytes" : "OTHER BYTES",
);
