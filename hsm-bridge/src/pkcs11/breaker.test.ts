/** The circuit breaker against recoveries that do as they are told. */

import { describe, expect, it } from "vitest";
import { silentLogger } from "../testing/stores.ts";
import { Breaker, FAILURE_THRESHOLD } from "./breaker.ts";
import { PinRefusedError } from "./worker-process.ts";

const never = () => new Promise<void>(() => {});

describe("circuit breaker", () => {
  it("opens after failures in a row, not after ones with successes between", async () => {
    let attempts = 0;
    const recover = async () => {
      attempts += 1;
      if (attempts < 3) throw new Error();
    };
    const breaker = new Breaker("t", recover, silentLogger);
    for (let i = 0; i < 3 * FAILURE_THRESHOLD; i++) {
      breaker.failed("reason");
      if (i % 2 === 0) breaker.succeeded();
    }
    expect(breaker.state.state).toBe("closed");
    breaker.succeeded();
    for (let i = 0; i < FAILURE_THRESHOLD; i++) breaker.failed("reason");
    expect(breaker.state).toMatchObject({ label: "t", state: "open", reason: "reason" });
    await expect(breaker.admit(10_000)).rejects.toMatchObject({ code: "hsm-unavailable" });
    expect(attempts).toBe(0);
    await expect.poll(() => breaker.state.state, { timeout: 10_000 }).toBe("closed");
    expect(attempts).toBe(3);
    expect(breaker.state.reason).toBeNull();
    await breaker.admit(0);
  });

  it("lets callers wait for the first attempt after a loss, no longer than they may", async () => {
    let end = (): void => {};
    const breaker = new Breaker(
      "t",
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
      silentLogger,
    );
    breaker.lost("gone");
    breaker.lost("gone");
    expect(breaker.state.state).toBe("half-open");
    await expect(breaker.admit(1)).rejects.toMatchObject({ code: "hsm-unavailable" });
    const waiting = breaker.admit(10_000);
    end();
    await waiting;
    expect(breaker.state.state).toBe("closed");
  });

  it("makes one attempt at a time, and none after a refused PIN", async () => {
    let attempts = 0;
    const busy = new Breaker(
      "t",
      () => {
        attempts += 1;
        return never();
      },
      silentLogger,
    );
    busy.lost("gone");
    for (let i = 0; i < 100; i++) busy.failed("reason");
    busy.lost("gone");
    expect(attempts).toBe(1);

    const refused = new Breaker(
      "t",
      async () => {
        attempts += 1;
        throw new PinRefusedError("The PIN is wrong.");
      },
      silentLogger,
    );
    refused.lost("gone");
    await expect(refused.admit(10_000)).rejects.toMatchObject({ code: "hsm-unavailable" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(attempts).toBe(2);
    expect(refused.state).toMatchObject({ state: "open", reason: "The PIN is wrong." });
  });
});
