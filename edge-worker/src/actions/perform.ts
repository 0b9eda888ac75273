/** The data-plane actions by name: their parameters read by protocol's schema, then handed to their handler. */

import {
  ApiError,
  type KmsActionName,
  kmsActions,
  parseInput,
  type RequestParams,
  unwrap,
} from "@edge-kms/protocol";
import { asymmetricRsaDecrypt, asymmetricSm2Decrypt } from "./asymmetric-decrypt.ts";
import type { ActionCall } from "./call.ts";
import { decrypt } from "./decrypt.ts";
import { encrypt } from "./encrypt.ts";
import { generateDataKey } from "./generate-data-key.ts";
import { generateRandom } from "./generate-random.ts";
import { getDataKeyPlaintext } from "./get-data-key-plaintext.ts";
import { getPublicKey } from "./get-public-key.ts";
import { importDataKey } from "./import-data-key.ts";
import { reEncrypt } from "./re-encrypt.ts";
import { signByAsymmetricKey } from "./sign-by-asymmetric-key.ts";
import { verifyByAsymmetricKey } from "./verify-by-asymmetric-key.ts";

type Perform = (params: RequestParams, call: ActionCall) => Promise<object>;

const performers: Partial<Record<KmsActionName, Perform>> = {
  Encrypt: (params, call) => encrypt(unwrap(parseInput(kmsActions.Encrypt, params)), call),
  Decrypt: (params, call) => decrypt(unwrap(parseInput(kmsActions.Decrypt, params)), call),
  ReEncrypt: (params, call) => reEncrypt(unwrap(parseInput(kmsActions.ReEncrypt, params)), call),
  GenerateDataKey: (params, call) =>
    generateDataKey(unwrap(parseInput(kmsActions.GenerateDataKey, params)), call),
  GetDataKeyPlaintext: (params, call) =>
    getDataKeyPlaintext(unwrap(parseInput(kmsActions.GetDataKeyPlaintext, params)), call),
  ImportDataKey: (params, call) =>
    importDataKey(unwrap(parseInput(kmsActions.ImportDataKey, params)), call),
  GetPublicKey: (params, call) =>
    getPublicKey(unwrap(parseInput(kmsActions.GetPublicKey, params)), call),
  AsymmetricRsaDecrypt: (params, call) =>
    asymmetricRsaDecrypt(unwrap(parseInput(kmsActions.AsymmetricRsaDecrypt, params)), call),
  AsymmetricSm2Decrypt: (params, call) =>
    asymmetricSm2Decrypt(unwrap(parseInput(kmsActions.AsymmetricSm2Decrypt, params)), call),
  SignByAsymmetricKey: (params, call) =>
    signByAsymmetricKey(unwrap(parseInput(kmsActions.SignByAsymmetricKey, params)), call),
  VerifyByAsymmetricKey: (params, call) =>
    verifyByAsymmetricKey(unwrap(parseInput(kmsActions.VerifyByAsymmetricKey, params)), call),
  GenerateRandom: (params) => generateRandom(unwrap(parseInput(kmsActions.GenerateRandom, params))),
};

/** Runs one data-plane action. @throws ApiError */
export async function perform(
  name: string,
  params: RequestParams,
  call: ActionCall,
): Promise<object> {
  const performer = Object.hasOwn(performers, name) ? performers[name as KmsActionName] : undefined;
  // In protocol's table as an action of the data plane, and not here: a fault of ours.
  if (performer === undefined) throw new ApiError("InternalError", { detail: "no-handler" });
  return performer(params, call);
}
