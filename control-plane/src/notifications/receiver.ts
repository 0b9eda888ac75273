/**
 * Posting JSON to a receiver that a user named. It is a stranger: bounded in time and size, no redirect is followed, and unless the
 * operator has allowed its host by name it must speak https and live at a public address, so that nobody can make the control
 * plane knock at doors inside its own network.
 */

import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { Agent, request } from "undici";

/** A delivery that failed, in a few fixed words. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  /** Whether the same message may arrive later. */
  readonly mayRetry: boolean;
  constructor(words: string, { mayRetry }: { mayRetry: boolean }) {
    super(words);
    this.mayRetry = mayRetry;
  }
}

export interface Posted {
  readonly status: number;
  /** The beginning of the answer; empty when it is longer than is read. */
  readonly text: string;
}

export interface Receivers {
  /** @throws DeliveryError for a receiver that may not be called, or that gives no answer. */
  post(url: URL, headers: Readonly<Record<string, string>>, body: string): Promise<Posted>;
  close(): Promise<void>;
}

const deadlineMs = 10_000;
const maxAnswerBytes = 16 * 1024;

/**
 * Addresses that are not public (RFC 6890 and its registries; IPv6 forms that carry IPv4 inside as a whole). Two lists: one with
 * IPv4-mapped IPv6 in it would hold every IPv4 address too.
 */
const notPublic = {
  ipv4: blockList("ipv4", [
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
    ["224.0.0.0", 3],
  ]),
  ipv6: blockList("ipv6", [
    ["::", 96],
    ["::ffff:0:0", 96],
    ["64:ff9b::", 96],
    ["64:ff9b:1::", 48],
    ["100::", 64],
    ["2001::", 23],
    ["2001:db8::", 32],
    ["2002::", 16],
    ["fc00::", 7],
    ["fe80::", 10],
    ["ff00::", 8],
  ]),
};

function blockList(
  family: "ipv4" | "ipv6",
  subnets: readonly (readonly [network: string, bits: number])[],
): BlockList {
  const list = new BlockList();
  for (const [network, bits] of subnets) list.addSubnet(network, bits, family);
  return list;
}

export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  const family = version === 6 ? "ipv6" : "ipv4";
  return !notPublic[family].check(address, family);
}

/** Whether a receiver may be named at all: what is known of it without asking the network. */
export function mayName(url: URL, allowedHosts: ReadonlySet<string>): boolean {
  if (url.username !== "" || url.password !== "" || url.hash !== "") return false;
  if (allowedHosts.has(url.hostname)) return url.protocol === "https:" || url.protocol === "http:";
  if (url.protocol !== "https:") return false;
  const literal = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return isIP(literal) === 0 || isPublicAddress(literal);
}

/** @param allowedHosts host names that may be reached at any address and over http. */
export function createReceivers(allowedHosts: ReadonlySet<string>): Receivers {
  // Where a name leads is looked at when the connection is made: a look before could be answered differently.
  const publicOnly: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, [], 0);
      const usable = found.filter(({ address }) => isPublicAddress(address));
      const [first] = usable;
      if (first === undefined) return callback(new Error("no public address"), [], 0);
      return options.all === true
        ? callback(null, usable)
        : callback(null, first.address, first.family);
    });
  };
  const limits = {
    headersTimeout: deadlineMs,
    bodyTimeout: deadlineMs,
    maxResponseSize: maxAnswerBytes,
  };
  const open = new Agent({ ...limits, connect: { timeout: deadlineMs } });
  const guarded = new Agent({ ...limits, connect: { timeout: deadlineMs, lookup: publicOnly } });
  return {
    async post(url, headers, body) {
      if (!mayName(url, allowedHosts)) {
        throw new DeliveryError("address not allowed", { mayRetry: false });
      }
      const dispatcher = allowedHosts.has(url.hostname) ? open : guarded;
      try {
        const answer = await request(url, {
          method: "POST",
          headers: { "content-type": "application/json", "user-agent": "edge-kms", ...headers },
          body,
          dispatcher,
          signal: AbortSignal.timeout(deadlineMs),
        });
        const text = await answer.body.text();
        return { status: answer.statusCode, text };
      } catch {
        throw new DeliveryError("no answer", { mayRetry: true });
      }
    },
    async close() {
      await Promise.all([open.close(), guarded.close()]);
    },
  };
}
