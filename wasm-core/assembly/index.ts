// What the module exports, and what runs once at instantiation.
//
// Everything takes addresses; the host wrapper in ../src owns the memory above `heapBase` and hands out its parts.

import { aesExpand, aesInit } from "./aes";
import { sm4Expand, sm4Init } from "./sm4";
import { ghashInit } from "./ghash";
import { sha256Init } from "./sha256";

export { CK_SIZE as cipherKeySize, GK_SIZE as gcmKeySize } from "./layout";
export { GCM_CONTEXT_SIZE as gcmContextSize } from "./gcm";
export { SUITE_KEY_SIZE as suiteKeySize } from "./suite";
export { HASH_CONTEXT_SIZE as hashContextSize, HMAC_KEY_SIZE as hmacKeySize } from "./hash";
export { aesExpand, sm4Expand };
export { ghashBlocks } from "./ghash";
export { encryptBlocks, decryptBlocks, invertKey, wipeCipher } from "./cipher";
export { cbcEncrypt, cbcDecrypt, ctrBlocks, ctrTail } from "./modes";
export {
  gcmKeyReady, gcmStart, gcmExpect, gcmAad, gcmEncrypt, gcmAuthenticate, gcmTag, gcmVerify, gcmDecrypt,
  gcmWipe, gcmSeal, gcmOpen,
} from "./gcm";
export {
  suiteInit, suiteDerive, suiteStart, suiteStartOpen, suiteAad, suiteEncrypt, suiteFinish,
  suiteAuthenticate, suiteVerify, suiteDecrypt, suiteWipe, suiteSeal, suiteOpen,
} from "./suite";
export { VERDICT as verdict } from "./declassify";
export { cmac } from "./cmac";
export { hashStart, hashUpdate, hashFinish, hash, hmacInit, hmacStart, hmacFinish, hmac } from "./hash";
export { equal, wipe } from "./simd";

/** First byte that the module itself does not use. */
export function heapBase(): usize {
  return __heap_base;
}

aesInit();
sm4Init();
ghashInit();
sha256Init();
