import { expect, test } from "vitest";
import { Rates } from "./rates.ts";

function start(perAccount: number, perAccessKey: number) {
  let nowMs = 1_000_000;
  const rates = new Rates({ perAccount, perAccessKey }, () => nowMs);
  /** How many of so many calls are admitted. */
  const call = (count: number, account = "1", secretId = "a"): number => {
    let admitted = 0;
    for (let n = 0; n < count; n++) {
      if (!rates.admits(account, secretId)) continue;
      rates.spend(account, secretId);
      admitted += 1;
    }
    return admitted;
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { rates, call, pass };
}

test("admit a second's worth at once, and then what time brings", () => {
  const { call, pass } = start(1_000, 100);
  expect(call(500)).toBe(100);
  pass(10);
  expect(call(500)).toBe(1);
  pass(500);
  expect(call(500)).toBe(50);
  pass(3_600_000);
  expect(call(500)).toBe(100);
});

test("bring what is left of a call together", () => {
  const { call, pass } = start(1_000, 2);
  expect(call(5)).toBe(2);
  for (let n = 0; n < 4; n++) {
    pass(100);
    expect(call(1)).toBe(0);
  }
  pass(100);
  expect(call(2)).toBe(1);
});

test("hold for each access key, and for the account that they share", () => {
  const { call, pass } = start(150, 100);
  expect(call(500, "1", "a")).toBe(100);
  expect(call(500, "1", "b")).toBe(50);
  expect(call(500, "2", "c")).toBe(100);
  pass(1_000);
  expect(call(500, "1", "b")).toBe(100);
});

test("take nothing off for a call that is refused", () => {
  const { call, pass } = start(100, 1_000);
  expect(call(100)).toBe(100);
  expect(call(100_000)).toBe(0);
  pass(1_000);
  expect(call(200)).toBe(100);
});

test("go on where they were when the clock goes back, and give no more than a second's worth when it jumps ahead", () => {
  const { call, pass } = start(1_000, 100);
  expect(call(60)).toBe(60);
  pass(-3_600_000);
  expect(call(500)).toBe(40);
  pass(100);
  expect(call(500)).toBe(10);
  pass(3_600_000);
  expect(call(500)).toBe(100);
  for (let n = 0; n < 50; n++) {
    pass(-1_000);
    expect(call(1)).toBe(0);
    pass(1);
  }
});

test("change when they are set", () => {
  const { rates, call, pass } = start(1_000, 100);
  rates.set({ perAccount: 1_000, perAccessKey: 10 });
  expect(call(500)).toBe(10);
  rates.set({ perAccount: 1_000, perAccessKey: 200 });
  pass(1_000);
  expect(call(500)).toBe(200);
});

test("remember no more access keys than there is room for, and none that still waits wrongly", () => {
  const { rates, call, pass } = start(1_000_000, 10);
  expect(call(20, "1", "busy")).toBe(10);
  for (let n = 0; n < 50_000; n++) rates.admits("1", `key-${n}`);
  expect(call(20, "1", "busy")).toBe(0);
  pass(100);
  expect(call(20, "1", "busy")).toBe(1);
});
