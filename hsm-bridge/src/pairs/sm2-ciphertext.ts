/** SM2 ciphertexts in DER (GM/T 0009-2012 §7.2): SEQUENCE { INTEGER x, INTEGER y, OCTET STRING C3, OCTET STRING C2 }. */

const COORDINATE_BYTES = 32;

/** x || y || C3 || C2, or null for what is not exactly of this form. */
export function readSm2Ciphertext(bytes: Uint8Array): Buffer | null {
  const outer = readElement(bytes, 0x30);
  if (outer === null || outer.rest.length > 0) return null;
  const x = readElement(outer.value, 0x02);
  const y = readElement(x?.rest ?? empty, 0x02);
  const c3 = readElement(y?.rest ?? empty, 0x04);
  const c2 = readElement(c3?.rest ?? empty, 0x04);
  if (!x || !y || !c3 || !c2 || c2.rest.length > 0 || c3.value.length !== 32) return null;
  const coordinates = [x.value, y.value].map(coordinate);
  const [first, second] = coordinates;
  return first && second ? Buffer.concat([first, second, c3.value, c2.value]) : null;
}

const empty = new Uint8Array(0);

/** One element of definite length in the shortest form (X.690 §10.1). */
function readElement(
  bytes: Uint8Array,
  tag: number,
): { readonly value: Uint8Array; readonly rest: Uint8Array } | null {
  if (bytes[0] !== tag) return null;
  let at = 2;
  let length = bytes[1] ?? 0x80;
  if (length >= 0x80) {
    const octets = length - 0x80;
    if (octets < 1 || octets > 2) return null;
    length = 0;
    for (let n = 0; n < octets; n++) length = length * 256 + (bytes[at++] ?? 0);
    if (length < 0x80 || (octets === 2 && length < 0x100)) return null;
  }
  const end = at + length;
  return end > bytes.length ? null : { value: bytes.subarray(at, end), rest: bytes.subarray(end) };
}

/** A positive INTEGER of at most 256 bits, as 32 bytes. */
function coordinate(value: Uint8Array): Buffer | null {
  const [first = 0x80, second = 0] = value;
  if (first >= 0x80 || (first === 0 && value.length > 1 && second < 0x80)) return null;
  const magnitude = first === 0 ? value.subarray(1) : value;
  if (magnitude.length > COORDINATE_BYTES) return null;
  return Buffer.concat([Buffer.alloc(COORDINATE_BYTES - magnitude.length), magnitude]);
}
