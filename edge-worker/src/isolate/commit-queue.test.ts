import { expect, test, vi } from "vitest";
import { type Batch, type Commitment, REPLAY_BYTES } from "../instance/messages.ts";
import { type CommitDoor, CommitQueue, type Entry } from "./commit-queue.ts";

const entryOf = (event: string): Entry => ({
  event,
  caller: "caller",
  account: "1",
  keys: [],
  signature: new Uint8Array(REPLAY_BYTES),
});

/** A commit point whose answers the test gives. */
class Gate implements CommitDoor {
  readonly batches: Batch[] = [];
  readonly answers: ((commitment: Commitment | Error) => void)[] = [];

  append(batch: Batch): Promise<Commitment> {
    this.batches.push(batch);
    return new Promise((resolve, reject) => {
      this.answers.push((value) => (value instanceof Error ? reject(value) : resolve(value)));
    });
  }

  waitUntil(): void {}

  answer(verdicts: number[], epochs: Commitment["epochs"] = null): void {
    this.answers.shift()?.({ verdicts: Uint8Array.from(verdicts), epochsRevision: 7, epochs });
  }
}

test("what arrives while a batch is on its way goes together in the next", async () => {
  const gate = new Gate();
  const queue = new CommitQueue(() => undefined);
  const first = queue.commit(entryOf("a"), gate);
  const others = ["b", "c", "d"].map((event) => queue.commit(entryOf(event), gate));
  await vi.waitFor(() => expect(gate.batches).toHaveLength(1));
  expect(gate.batches[0]?.events).toEqual(["a", "b", "c", "d"]);
  const later = ["e", "f"].map((event) => queue.commit(entryOf(event), gate));
  gate.answer([0, 1, 2, 3]);
  expect(await first).toBe(0);
  expect(await Promise.all(others)).toEqual([1, 2, 3]);
  await vi.waitFor(() => expect(gate.batches).toHaveLength(2));
  expect(gate.batches[1]?.events).toEqual(["e", "f"]);
  expect(gate.batches[1]?.epochsRevision).toBe(7);
  gate.answer([4, 5]);
  expect(await Promise.all(later)).toEqual([4, 5]);
});

test("newer epochs are told before any verdict that came with them", async () => {
  const gate = new Gate();
  const told: string[] = [];
  const queue = new CommitQueue((epochs) => told.push(...epochs.map(([account]) => account)));
  const verdict = queue.commit(entryOf("a"), gate).then((value) => [value, ...told]);
  await vi.waitFor(() => expect(gate.batches).toHaveLength(1));
  gate.answer([1], [["1", { generation: 1, counter: 2 }]]);
  expect(await verdict).toEqual([1, "1"]);
});

test("a batch that fails, or has another number of verdicts, fails all its calls and no others", async () => {
  const gate = new Gate();
  const queue = new CommitQueue(() => undefined);
  const failing = ["a", "b"].map((event) => queue.commit(entryOf(event), gate));
  const failed = Promise.allSettled(failing);
  await vi.waitFor(() => expect(gate.batches).toHaveLength(1));
  gate.answers.shift()?.(new Error("unreachable"));
  expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const short = Promise.allSettled([queue.commit(entryOf("c"), gate)]);
  await vi.waitFor(() => expect(gate.batches).toHaveLength(2));
  gate.answer([]);
  expect((await short)[0]?.status).toBe("rejected");
  const fine = queue.commit(entryOf("d"), gate);
  await vi.waitFor(() => expect(gate.batches).toHaveLength(3));
  gate.answer([0]);
  expect(await fine).toBe(0);
});

test("a carrier that vanished is replaced by the next request, and its calls are not answered", async () => {
  vi.useFakeTimers();
  try {
    const gate = new Gate();
    const queue = new CommitQueue(() => undefined);
    void queue.commit(entryOf("a"), gate);
    const lost = Promise.allSettled([queue.commit(entryOf("b"), gate)]);
    await vi.advanceTimersByTimeAsync(0);
    expect(gate.batches).toHaveLength(1);
    // Its own deadline never fired: the runtime stopped it. Only the clock goes on.
    vi.setSystemTime(Date.now() + 12_000);
    const next = queue.commit(entryOf("c"), gate);
    await vi.advanceTimersByTimeAsync(10);
    expect(gate.batches[1]?.events).toEqual(["c"]);
    gate.answers[1]?.({ verdicts: Uint8Array.of(0), epochsRevision: 1, epochs: null });
    await vi.advanceTimersByTimeAsync(10);
    expect(await next).toBe(0);
    expect((await lost)[0]?.status).toBe("rejected");
  } finally {
    vi.useRealTimers();
  }
});
