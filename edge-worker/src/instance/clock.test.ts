import { expect, test } from "vitest";
import { startClock } from "./clock.ts";

test("time never runs behind what was stored, nor behind itself", () => {
  let platform = 1_000;
  const clock = startClock(5_000, () => platform);
  expect(clock.now()).toBe(5_000);
  platform = 6_000;
  expect(clock.now()).toBe(6_000);
  platform = 2_000;
  expect(clock.now()).toBe(6_000);
  platform = 6_001;
  expect(clock.now()).toBe(6_001);
});
