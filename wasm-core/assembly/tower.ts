// GF(2^8) as a quadratic extension of GF(2^4), and the 16-entry tables that invert in it.
//
// Hamburg, "Accelerating AES with Vector Permute Instructions", CHES 2009, section 3: with x = k + i*z, where k and i
// lie in GF(16) and z is a root of z^2 + a*z + a, put j = i + k and
//     io = 1/(1/i + a/k) + j        jo = 1/(1/j + a/k) + i
// Then 1/io = (k + a*i)/N and 1/jo = (k + a*i + a*k)/N with N = k^2 + a*i*k + a*i^2, the norm of x, so that
//     1/x = P*(1 + z/a + z/a^2) + Q*(z/a^2)        P = 1/io, Q = 1/jo.
// Division by zero is the index 0x80: looked up it gives 0, and it survives every addition. So an inversion is five
// lookups, and any linear map of 1/x is two more, one by io and one by jo, whose tables `outputPair` makes.
//
// All of this runs once, at instantiation, on public constants. It is plain scalar code.

const ELEMENTS = memory.data(16); //      GF(16) index -> byte of the field
const TO_TOWER = memory.data(256); //     byte of the field -> k | i << 4
const FROM_TOWER = memory.data(256); //   and back
const COEF = memory.data(8); //           the two factors of P and Q above
const POWER = memory.data(256); //        exponent 0..254 -> power of a generator of the multiplicative group
const LOG = memory.data(256); //          and back
let polynomial: u32 = 0;

/** Product of two polynomials modulo the field's. */
function slowMul(a: u32, b: u32): u32 {
  let r: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) if ((b >> i) & 1) r ^= a << i;
  for (let i: i32 = 14; i >= 8; i--) if ((r >> i) & 1) r ^= polynomial << (i - 8);
  return r;
}

/** Tables of powers and logarithms to the first base that generates all 255 elements. */
function buildLogarithms(): void {
  for (let base: u32 = 2; ; base++) {
    let x: u32 = 1;
    let exponent: u32 = 0;
    do {
      store<u8>(POWER + exponent, <u8>x);
      store<u8>(LOG + x, <u8>exponent);
      x = slowMul(x, base);
      exponent++;
    } while (x != 1);
    if (exponent == 255) return;
  }
}

export function fieldMul(a: u32, b: u32): u32 {
  if (a == 0 || b == 0) return 0;
  return load<u8>(POWER + ((<u32>load<u8>(LOG + a) + load<u8>(LOG + b)) % 255));
}

/** Of an element other than 0. */
function fieldPower(a: u32, exponent: u32): u32 {
  return load<u8>(POWER + ((<u32>load<u8>(LOG + a) * exponent) % 255));
}

function fieldInverse(a: u32): u32 {
  return fieldPower(a, 254);
}

export function toTower(x: u32): u32 {
  return load<u8>(TO_TOWER + x);
}

export function fromTower(x: u32): u32 {
  return load<u8>(FROM_TOWER + x);
}

/**
 * Builds the tower for one field polynomial and stores the two division tables: `inv[n]` is the index of 1/n,
 * `ainv[n]` that of a/n, both 0x80 for n = 0.
 */
export function buildTower(poly: u32, inv: usize, ainv: usize): void {
  polynomial = poly;
  buildLogarithms();
  // GF(16) is {0} and the elements of order dividing 15; its basis here is 1, g, g^2, g^3 for the first g of order
  // 15.
  let g: u32 = 2;
  while (fieldPower(g, 15) != 1 || fieldPower(g, 5) == 1 || fieldPower(g, 3) == 1) g++;
  for (let n: u32 = 0; n < 16; n++) {
    let e: u32 = 0;
    for (let bit: u32 = 0; bit < 4; bit++) if ((n >> bit) & 1) e ^= fieldPower(g, bit);
    store<u8>(ELEMENTS + n, <u8>e);
  }
  // The first pair (a, z) with z outside GF(16) and z^2 = a*z + a.
  let a: u32 = 0;
  let z: u32 = 0;
  for (let n: u32 = 1; n < 16 && z == 0; n++) {
    a = load<u8>(ELEMENTS + n);
    for (let candidate: u32 = 2; candidate < 256; candidate++) {
      const square = fieldMul(candidate, candidate);
      if (square == (fieldMul(a, candidate) ^ a) && fieldPower(candidate, 15) != 1) {
        z = candidate;
        break;
      }
    }
  }
  for (let i: u32 = 0; i < 16; i++) {
    for (let k: u32 = 0; k < 16; k++) {
      const x = <u32>load<u8>(ELEMENTS + k) ^ fieldMul(load<u8>(ELEMENTS + i), z);
      store<u8>(TO_TOWER + x, <u8>(k | (i << 4)));
      store<u8>(FROM_TOWER + (k | (i << 4)), <u8>x);
    }
  }
  store<u8>(inv, 0x80);
  store<u8>(ainv, 0x80);
  for (let n: u32 = 1; n < 16; n++) {
    const inverse = fieldInverse(load<u8>(ELEMENTS + n));
    store<u8>(inv + n, load<u8>(TO_TOWER + inverse)); // an element of GF(16) has i = 0
    store<u8>(ainv + n, load<u8>(TO_TOWER + fieldMul(a, inverse)));
  }
  const zOverA = fieldMul(z, fieldInverse(a));
  const zOverA2 = fieldMul(zOverA, fieldInverse(a));
  store<u8>(COEF, <u8>(1 ^ zOverA ^ zOverA2));
  store<u8>(COEF + 1, <u8>zOverA2);
}

/** The two output tables for `map`, a linear map of the inverse given as 256 bytes: map(1/x) = u[io] + t[jo]. */
export function outputPair(map: usize, u: usize): void {
  const t = u + 16;
  store<u8>(u, 0); // io and jo are never 0: N is 0 only for x = 0, where both are 0x80
  store<u8>(t, 0);
  for (let n: u32 = 1; n < 16; n++) {
    const inverse = fieldInverse(load<u8>(ELEMENTS + n));
    store<u8>(u + n, load<u8>(map + fieldMul(load<u8>(COEF), inverse)));
    store<u8>(t + n, load<u8>(map + fieldMul(load<u8>(COEF + 1), inverse)));
  }
}

/** The two input tables of a linear map given as 256 bytes: map(x) = lo[x & 15] + hi[x >> 4]. */
export function inputPair(map: usize, lo: usize): void {
  for (let n: u32 = 0; n < 16; n++) {
    store<u8>(lo + n, load<u8>(map + n));
    store<u8>(lo + 16 + n, load<u8>(map + (n << 4)));
  }
}
