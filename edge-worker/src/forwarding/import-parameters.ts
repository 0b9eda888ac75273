/**
 * The answer of GetParametersForImport on its way through this door. It is the control plane's, which could put a public key of its own
 * beside the bridge's token and read what the caller wraps with it: the token says which key the bridge made, and for what.
 */

import {
  ApiError,
  base64Decode,
  equalBytes,
  hexDecode,
  importTokenContent,
  kmsActions,
  parseInput,
  parseRequestParams,
  type RequestHead,
  signedMessageTypes,
  unwrap,
  utf8DecodeStrict,
} from "@edge-kms/protocol";
import * as v from "valibot";
import type { Arrival } from "../http/arrival.ts";
import type { Isolate } from "../isolate/isolate.ts";
import { decodeMessageHeader, importVerifyingKey, openMessage } from "../signing/ed25519.ts";

const { GetParametersForImport } = kmsActions;
const refusal = v.object({ Response: v.object({ Error: v.object({}) }) });
const parameters = v.object({
  Response: v.object({ KeyId: v.string(), ImportToken: v.string(), PublicKey: v.string() }),
});

/** @throws ApiError InternalError unless it is a refusal, or key and token are the bridge's for what was asked. */
export async function requireGenuineParameters(
  body: Uint8Array,
  arrival: Arrival,
  head: RequestHead,
  { bindings, core }: Isolate,
): Promise<void> {
  const answer = parseJson(body);
  if (v.is(refusal, answer)) return;
  const given = v.safeParse(parameters, answer);
  if (!given.success) throw notGenuine();
  const asked = unwrap(
    parseInput(GetParametersForImport, unwrap(parseRequestParams(arrival, head))),
  );
  const { KeyId, ImportToken, PublicKey } = given.output.Response;
  const token = await openMessage(
    decodeMessageHeader(ImportToken),
    signedMessageTypes.importToken,
    importTokenContent,
    await importVerifyingKey(bindings.bridgePublicKey),
  );
  const publicKey = base64Decode(PublicKey);
  const hash = hexDecode(token?.publicKeyHash ?? "");
  const isGenuine =
    token !== null &&
    publicKey !== null &&
    hash !== null &&
    equalBytes(core.sha256(publicKey), hash) &&
    token.keyId === asked.KeyId &&
    token.algorithm === asked.WrappingAlgorithm &&
    KeyId === asked.KeyId;
  if (!isGenuine) throw notGenuine();
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8DecodeStrict(body) ?? "");
  } catch {
    return null;
  }
}

function notGenuine(): ApiError {
  return new ApiError("InternalError", { detail: "import-parameters-not-of-the-bridge" });
}
