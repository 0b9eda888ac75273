/**
 * Addresses and networks of conditions: IPv4 (RFC 791 dotted, four decimal numbers without leading zeros) and IPv6 (RFC 4291
 * §2.2), as 16 bytes, IPv4 mapped into IPv6 (§2.5.5.2). Host bits of a network may be set (contract §4.4).
 */

export interface Network {
  /** 16 numbers from 0 to 255. */
  readonly address: readonly number[];
  /** Leading bits that count, of 128. */
  readonly bits: number;
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] as const;

/** 16 numbers, or null for what is no address. Zone ids are none. */
export function parseAddress(text: string): readonly number[] | null {
  if (text.length > 45) return null;
  if (!text.includes(":")) {
    const v4 = parseV4(text);
    return v4 === null ? null : [...MAPPED, ...v4];
  }
  return parseV6(text);
}

/** An address alone is a network of one. Null for what is neither. */
export function parseNetwork(text: string): Network | null {
  const [host = "", prefix, ...rest] = text.split("/");
  const address = parseAddress(host);
  if (address === null || rest.length > 0) return null;
  if (prefix === undefined) return { address, bits: 128 };
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix)) return null;
  const skipped = host.includes(":") ? 0 : 96;
  const bits = skipped + Number(prefix);
  return bits > 128 ? null : { address, bits };
}

export function isInNetwork(address: readonly number[], network: Network): boolean {
  const whole = network.bits >> 3;
  for (let n = 0; n < whole; n++) if (address[n] !== network.address[n]) return false;
  const left = network.bits & 7;
  if (left === 0) return true;
  const mask = 0xff << (8 - left);
  return (((address[whole] ?? 0) ^ (network.address[whole] ?? 0)) & mask & 0xff) === 0;
}

function parseV4(text: string): number[] | null {
  const parts = text.split(".");
  const isDotted = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part));
  const numbers = parts.map(Number);
  return isDotted && numbers.every((number) => number < 256) ? numbers : null;
}

function parseV6(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "", true) : [];
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  // "::" stands for one group at least.
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** `mayEndInV4`: the last group may be a dotted IPv4 address. */
function parseGroups(text: string, mayEndInV4: boolean): number[] | null {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [n, group] of groups.entries()) {
    if (mayEndInV4 && n === groups.length - 1 && group.includes(".")) {
      const v4 = parseV4(group);
      if (v4 === null) return null;
      bytes.push(...v4);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length > 16 ? null : bytes;
}
