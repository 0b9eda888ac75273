import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { expect, test } from "vitest";
import { Outbox } from "./outbox.ts";

/** As much of a Durable Object's SQL storage as the outbox uses, over Node's SQLite. */
function storage(database: DatabaseSync): ConstructorParameters<typeof Outbox>[0] {
  const exec = (query: string, ...values: SQLInputValue[]) => {
    if (query.trim().split(";").length > 2) {
      database.exec(query);
      return [];
    }
    const rows = database.prepare(query).all(...values);
    return Object.assign(rows, { one: () => rows[0], toArray: () => rows });
  };
  return { exec } as unknown as ConstructorParameters<typeof Outbox>[0];
}

const records = (...texts: string[]) => texts.map((text) => new TextEncoder().encode(text));

test("records come back in order, and leave when they are acknowledged", () => {
  const outbox = new Outbox(storage(new DatabaseSync(":memory:")));
  outbox.append("a", 1, records("one", "two"), 1_000);
  outbox.append("a", 3, records("three"), 1_001);
  expect(outbox.size).toBe(3);
  expect(outbox.next("a")).toEqual({
    instance: "a",
    lastSeq: 3,
    records: ["one", "two", "three"],
  });
  // A row stays until its last record is acknowledged.
  outbox.acknowledge("a", 1, 1_002);
  expect(outbox.next("a")?.records).toEqual(["one", "two", "three"]);
  outbox.acknowledge("a", 2, 1_002);
  expect(outbox.next("a")?.records).toEqual(["three"]);
  outbox.acknowledge("a", 9, 1_002);
  expect([outbox.next("a"), outbox.size, outbox.instances]).toEqual([null, 0, []]);
});

test("one delivery has no more records than the wire takes, and always whole batches", () => {
  const outbox = new Outbox(storage(new DatabaseSync(":memory:")));
  for (let n = 0; n < 4; n++) {
    const batch = Array.from({ length: 200 }, (_, k) => `${n * 200 + k}`);
    outbox.append("a", n * 200 + 1, records(...batch), 1_000);
  }
  expect(outbox.next("a")?.lastSeq).toBe(400);
});

test("an incarnation finds the records of earlier ones, and their time", () => {
  const database = new DatabaseSync(":memory:");
  const first = new Outbox(storage(database));
  expect(first.highWaterMs()).toBe(0);
  first.append("a", 1, records("one"), 5_000);
  const second = new Outbox(storage(database));
  expect([second.size, second.instances, second.highWaterMs()]).toEqual([1, ["a"], 5_000]);
  second.append("b", 1, records("two"), 4_000);
  expect(second.instances).toEqual(["a", "b"]);
  second.acknowledge("a", 1, 5_500);
  second.acknowledge("b", 1, 5_400);
  expect(new Outbox(storage(database)).highWaterMs()).toBe(5_500);
});
