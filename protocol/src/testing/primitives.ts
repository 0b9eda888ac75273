/** The primitives that the platforms lend, from node:crypto. For tests only. */

import { createHash, createHmac } from "node:crypto";
import type { Hmac, Sha256 } from "../signature/parts.ts";

export const sha256: Sha256 = (bytes) => createHash("sha256").update(bytes).digest();

export const hmacSha256: Hmac = (key, bytes) => createHmac("sha256", key).update(bytes).digest();

export const hmacSha1: Hmac = (key, bytes) => createHmac("sha1", key).update(bytes).digest();
