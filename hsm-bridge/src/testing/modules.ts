/** PKCS#11 modules that tests run on, where distributions put them. */

import { existsSync } from "node:fs";

export const SOFTHSM_MODULE =
  process.env.SOFTHSM2_MODULE ??
  [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
  ].find(existsSync) ??
  "/usr/lib/softhsm/libsofthsm2.so";

/** NSS's softoken, a second and independent module; null where it is not installed. */
export const NSS_MODULE =
  [
    "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
    "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
    "/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
    "/usr/lib/aarch64-linux-gnu/nss/libsoftokn3.so",
  ].find(existsSync) ?? null;
