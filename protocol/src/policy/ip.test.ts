import { expect, test } from "vitest";
import { isInNetwork, parseAddress, parseNetwork } from "./ip.ts";

const hex = (text: string) =>
  parseAddress(text)
    ?.map((byte) => byte.toString(16).padStart(2, "0"))
    .join("") ?? null;

test.each([
  ["10.1.2.255", "00000000000000000000ffff0a0102ff"],
  ["::", "00".repeat(16)],
  ["::1", `${"00".repeat(15)}01`],
  ["2001:db8::", `20010db8${"00".repeat(12)}`],
  ["2001:DB8:0:0:8:800:200C:417A", "20010db80000000000080800200c417a"],
  ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
  ["::ffff:129.144.52.38", "00000000000000000000ffff81903426"],
  ["::13.1.68.3", "0000000000000000000000000d014403"],
  ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
])("%s is an address", (text, expected) => {
  expect(hex(text)).toBe(expected);
});

test.each([
  ...["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "1.2.3.-4", "1.2.3.0x4"],
  ...[
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::",
    "fe80::1%eth0",
  ],
  ...["1:2:3:4:5:6:7:8::", "::1.2.3", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", `${"1".repeat(46)}`],
])("%s is none", (text) => {
  expect(parseAddress(text)).toBeNull();
});

test.each([
  ["10.0.0.0/8", "10.255.0.1", true],
  ["10.0.0.0/8", "11.0.0.1", false],
  ["10.217.182.3/24", "10.217.182.200", true],
  ["10.0.0.0/9", "10.127.255.255", true],
  ["10.0.0.0/9", "10.128.0.0", false],
  ["10.0.0.1", "10.0.0.1", true],
  ["10.0.0.1/32", "10.0.0.2", false],
  ["0.0.0.0/0", "1.2.3.4", true],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["::/0", "1.2.3.4", true],
  ["2001:db8::/33", "2001:db8:7fff::1", true],
  ["2001:db8::/33", "2001:db8:8000::1", false],
])("network %s and %s: %s", (network, address, expected) => {
  const net = parseNetwork(network);
  const bytes = parseAddress(address);
  if (net === null || bytes === null) throw new Error("not parsed");
  expect(isInNetwork(bytes, net)).toBe(expected);
});

test.each([
  "10.0.0.0/",
  "10.0.0.0/33",
  "10.0.0.0/08",
  "::/129",
  "10.0.0.0/8/8",
  "/8",
  "10.0.0.0/-1",
])("%s is no network", (text) => {
  expect(parseNetwork(text)).toBeNull();
});
