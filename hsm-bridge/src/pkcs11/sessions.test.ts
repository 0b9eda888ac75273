/** Recovery of sessions, against a library that loses them when told to. */

import { describe, expect, it, vi } from "vitest";
import type { Handle, Library } from "./library.ts";
import { Sessions } from "./sessions.ts";

class FakeLibrary {
  opened = 0;
  mostSessions = 100;
  closed = 0;
  logins = 0;
  readonly library: Library;

  constructor() {
    const module = {
      C_GetSlotList: () => [Buffer.alloc(8)],
      C_GetTokenInfo: () => ({ label: "token".padEnd(32) }),
      C_OpenSession: () => {
        if (this.opened - this.closed >= this.mostSessions) throw ckr(0xb1);
        return Buffer.from([++this.opened]);
      },
      C_CloseSession: () => {
        this.closed += 1;
      },
      C_Login: () => {
        this.logins += 1;
      },
    };
    this.library = {
      module,
      ck: { CKU_USER: 1, CKF_SERIAL_SESSION: 4, CKF_RW_SESSION: 2 },
    } as unknown as Library;
  }
}

const ckr = (code: number): Error => Object.assign(new Error("CKR"), { code });
const settings = { tokenLabel: "token", pin: "1234", maxSessions: 2 };

function open(): { fake: FakeLibrary; sessions: Sessions } {
  const fake = new FakeLibrary();
  const sessions = new Sessions(fake.library, settings);
  sessions.logIn();
  return { fake, sessions };
}

describe("sessions", () => {
  it("uses a session again after success and never after an error", async () => {
    const { fake, sessions } = open();
    const seen: number[] = [];
    const note = (session: Handle): void => {
      seen.push((session as Buffer)[0] as number);
    };
    await sessions.use(true, note);
    await sessions.use(true, note);
    await expect(
      sessions.use(true, (session) => {
        note(session);
        throw ckr(5);
      }),
    ).rejects.toThrow();
    await sessions.use(true, note);
    expect(seen).toEqual([2, 2, 2, 3]);
    expect(fake.closed).toBe(1);
  });

  it.each([
    ["CKR_SESSION_HANDLE_INVALID", 0xb3],
    ["CKR_SESSION_CLOSED", 0xb0],
    ["CKR_USER_NOT_LOGGED_IN", 0x101],
    ["CKR_KEY_HANDLE_INVALID", 0x60],
    ["CKR_OBJECT_HANDLE_INVALID", 0x82],
  ])("logs in again after %s and repeats the operation once", async (_name, code) => {
    const { fake, sessions } = open();
    let calls = 0;
    const result = await sessions.use(true, () => {
      calls += 1;
      if (calls === 1) throw ckr(code);
      return "done";
    });
    expect(result).toBe("done");
    expect(fake.logins).toBe(2);
    expect(sessions.login).toBe(2);
  });

  it("gives the token up as lost when that does not help", async () => {
    const { fake, sessions } = open();
    const use = sessions.use(true, () => {
      throw ckr(0x82);
    });
    await expect(use).rejects.toMatchObject({ name: "TokenLostError", cause: { code: 0x82 } });
    expect(fake.logins).toBe(2);
  });

  it("does not repeat the making of a key", async () => {
    const { fake, sessions } = open();
    let calls = 0;
    const use = sessions.use(false, () => {
      calls += 1;
      throw ckr(0xb3);
    });
    await expect(use).rejects.toThrow();
    expect(calls).toBe(1);
    expect(fake.logins).toBe(2);
  });

  it("asks a token for no more sessions than it gives", async () => {
    const { fake, sessions } = open();
    fake.mostSessions = 2;
    let running = 0;
    await Promise.all(
      Array.from({ length: 10 }, () =>
        sessions.use(true, async () => {
          running += 1;
          expect(running).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
        }),
      ),
    );
    fake.mostSessions = 0;
    await expect(
      sessions.use(true, () => {
        throw ckr(5);
      }),
    ).rejects.toThrow();
    await expect(sessions.use(true, () => "done")).rejects.toMatchObject({ code: 0xb1 });
  });

  it("asks for more again after a while", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      const { fake, sessions } = open();
      let running = 0;
      const mostOf = async (count: number): Promise<number> => {
        let most = 0;
        await Promise.all(
          Array.from({ length: count }, () =>
            sessions.use(true, async () => {
              running += 1;
              most = Math.max(most, running);
              await new Promise((resolve) => setImmediate(resolve));
              running -= 1;
            }),
          ),
        );
        return most;
      };
      fake.mostSessions = 2;
      expect(await mostOf(5)).toBe(1);
      fake.mostSessions = 100;
      expect(await mostOf(5)).toBe(1);
      vi.advanceTimersByTime(10_000);
      expect(await mostOf(5)).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it("never runs more operations at once than it has sessions", async () => {
    const { fake, sessions } = open();
    let running = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, () =>
        sessions.use(true, async () => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
        }),
      ),
    );
    expect(most).toBe(2);
    expect(fake.opened).toBe(3);
  });
});
