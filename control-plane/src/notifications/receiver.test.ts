import { expect, test } from "vitest";
import { createReceivers, isPublicAddress, mayName } from "./receiver.ts";

test.each([
  "127.0.0.1",
  "10.1.2.3",
  "172.31.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "0.0.0.0",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::ffff:10.0.0.1",
  "::ffff:8.8.8.8",
  "fe80::1",
  "fd00::1",
  "64:ff9b::a00:1",
  "2002:a00:1::",
  "no address",
])("%s is not public", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(["8.8.8.8", "119.29.29.29", "2402:4e00::1"])("%s is public", (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

const none = new Set<string>();

test.each([
  "http://example.com/",
  "https://user:pass@example.com/",
  "https://example.com/#part",
  "https://127.0.0.1/",
  "https://[::1]/",
  "https://0x7f.1/",
  "https://2130706433/",
  "ftp://example.com/",
  "file:///etc/passwd",
])("%s may not be named", (url) => {
  expect(mayName(new URL(url), none)).toBe(false);
});

test("a host that the operator has allowed may be anywhere, and speak http", () => {
  const allowed = new Set(["intranet.example", "127.0.0.1"]);
  expect(mayName(new URL("http://intranet.example:8080/x"), allowed)).toBe(true);
  expect(mayName(new URL("http://127.0.0.1:9/"), allowed)).toBe(true);
  expect(mayName(new URL("http://other.example/"), allowed)).toBe(false);
  expect(mayName(new URL("https://other.example/robot?key=1"), allowed)).toBe(true);
});

test("a name that leads to a private address is not called", async () => {
  const receivers = createReceivers(none);
  await expect(receivers.post(new URL("https://localhost/"), {}, "{}")).rejects.toThrow(
    "no answer",
  );
  await receivers.close();
});
