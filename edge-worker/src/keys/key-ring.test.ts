import type { LeasedKey } from "@edge-kms/protocol";
import { loadCore } from "@edge-kms/wasm-core/node";
import { beforeEach, expect, test, vi } from "vitest";
import type { Answer, KeyLoan, KeyQuestion, Proxied } from "../instance/messages.ts";
import { isolateSealInfo, makeSealingKey, seal } from "../signing/sealing.ts";
import { type KeyDoor, KeyRing, proxied } from "./key-ring.ts";
import { OpenKeys } from "./open-keys.ts";

const core = await loadCore();
const own = await makeSealingKey();
const sealingKey = { publicKey: "", keyId: "00".repeat(8), madeAtMs: 0 };

const keyOf = (n = 0): LeasedKey => ({
  purpose: "encrypt",
  account: "1",
  region: "ap-singapore",
  keyId: `key ${n}`,
});

let asked: KeyQuestion[];
let answer: () => Promise<Answer<KeyLoan | Proxied>>;
let learnt: Proxied[];
let ring: KeyRing;
const door: KeyDoor = {
  lendKey(question) {
    asked.push(question);
    return answer();
  },
  waitUntil: () => {},
};
const use = (key = keyOf()) => ring.use(key, door, (open) => open.leaseId);
const refused = { ok: false, code: "ResourceUnavailable.CmkDisabled", reason: "r" } as const;
const isProxied = { ok: true, value: { sealingKey } } as const;

async function loan(leaseId: string, times: Partial<KeyLoan> = {}): Promise<Answer<KeyLoan>> {
  const value: KeyLoan = {
    leaseId,
    ...{ version: 1, branch: "00".repeat(8), suite: 1, group: "default", store: "software" },
    epoch: { generation: 1, counter: 1 },
    refreshAtMs: Date.now() + 60_000,
    expiresAtMs: Date.now() + 180_000,
    sealed: await seal(own.publicKey, new Uint8Array(32), isolateSealInfo, leaseId),
    ...times,
  };
  return { ok: true, value };
}

beforeEach(() => {
  asked = [];
  learnt = [];
  ring = new KeyRing(
    new OpenKeys(core, "default"),
    async () => own,
    (one) => void learnt.push(one),
  );
});

test("that a key stays in the bridge is asked once, and again when epochs have risen or after its time", async () => {
  answer = async () => isProxied;
  for (let n = 0; n < 3; n++) expect(await use()).toBe(proxied);
  expect(asked).toHaveLength(1);
  expect(learnt).toEqual([isProxied.value]);
  ring.forgetProxied();
  answer = () => loan("lease");
  expect(await use()).toBe("lease");
  expect(asked).toHaveLength(2);
});

test("a flood of proxied uses takes bounded room", async () => {
  answer = async () => isProxied;
  for (let n = 0; n <= 1_000; n++) await use(keyOf(n));
  expect(asked).toHaveLength(1_001);
  await use(keyOf(1_000));
  expect(asked).toHaveLength(1_001);
  await use(keyOf(0));
  expect(asked).toHaveLength(1_002);
});

test("who joins a question that is refused asks once for itself", async () => {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  answer = async () => {
    await released;
    return refused;
  };
  const first = use().catch((error) => error.code);
  const second = use().catch((error) => error.code);
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  answer = () => loan("lease");
  release();
  expect(await first).toBe(refused.code);
  expect(await second).toBe("lease");
  expect(asked).toHaveLength(2);
});

test("no lease is used past its end, and a due one serves while it is asked for in the background", async () => {
  answer = () => loan("ended", { expiresAtMs: Date.now() - 1 });
  await expect(use()).rejects.toMatchObject({ code: "InternalError" });
  const soon = Date.now() + 60_000;
  answer = () => loan("due", { refreshAtMs: Date.now() - 1 });
  expect(await use()).toBe("due");
  answer = () => new Promise(() => {});
  expect(await use()).toBe("due");
  expect(await use()).toBe("due");
  await vi.waitFor(() => expect(asked).toHaveLength(5));
  expect(Date.now()).toBeLessThan(soon);
});

test("the instance says when to ask again for a lease that it has no newer one of", async () => {
  const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
  answer = () => loan("lease", { refreshAtMs: Date.now() - 1 });
  await use();
  await settle();
  answer = () => loan("lease", { refreshAtMs: Date.now() + 60_000 });
  await use();
  await settle();
  expect(asked).toHaveLength(3);
  for (let n = 0; n < 5; n++) expect(await use()).toBe("lease");
  await settle();
  expect(asked).toHaveLength(3);
});
