import { loadCore } from "@edge-kms/wasm-core/node";

const core = await loadCore();
const key = core.suiteKey(1, crypto.getRandomValues(new Uint8Array(32)));
const nonce = crypto.getRandomValues(new Uint8Array(24));
const aad = new TextEncoder().encode("invoice 7");
const plaintext = new TextEncoder().encode("attack at dawn");

const { commitment, ciphertext } = key.encrypt(nonce, aad, plaintext);
const opened = key.decrypt(nonce, aad, commitment, ciphertext);
console.log(new TextDecoder().decode(opened ?? new Uint8Array(0))); // attack at dawn

ciphertext[3] = (ciphertext[3] ?? 0) ^ 1;
console.log(key.decrypt(nonce, aad, commitment, ciphertext)); // null
key.release();
