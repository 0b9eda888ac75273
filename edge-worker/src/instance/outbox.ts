/**
 * The audit outbox: the only thing an instance stores, beside its clock's high-water mark. One row is one batch of records
 * of one incarnation, in order; a row is written before any of its calls is answered and deleted when the control plane
 * has acknowledged its last record. Rows of earlier incarnations are delivered too.
 */

import { MAX_DELIVERED_RECORDS, utf8DecodeStrict } from "@edge-kms/protocol";

/** Records of one incarnation, in order and without gaps. */
export interface OutboxRows {
  readonly instance: string;
  readonly lastSeq: number;
  readonly records: readonly string[];
}

/** Records are JSON texts without white space, so a line feed is in none of them. */
const LINE_FEED = 0x0a;

export class Outbox {
  readonly #sql: SqlStorage;
  /** Undelivered records by incarnation, in the order of their first row. */
  readonly #waiting = new Map<string, number>();
  #total = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS outbox (
        id INTEGER PRIMARY KEY,
        instance TEXT NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        records BLOB NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS clock (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        high_water_ms INTEGER NOT NULL
      ) STRICT;
    `);
    const rows = sql.exec<{ instance: string; records: number }>(
      "SELECT instance, SUM(last_seq - first_seq + 1) AS records FROM outbox GROUP BY instance ORDER BY MIN(id)",
    );
    for (const row of rows) this.#count(row.instance, row.records);
  }

  /** Records that wait for delivery, those of earlier incarnations included. */
  get size(): number {
    return this.#total;
  }

  /** Records of one incarnation that wait. */
  waiting(instance: string): number {
    return this.#waiting.get(instance) ?? 0;
  }

  /** Incarnations that have records waiting. */
  get instances(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** The latest time that was ever written here. */
  highWaterMs(): number {
    const row = this.#sql
      .exec<{ latest: number }>(
        "SELECT MAX(COALESCE((SELECT high_water_ms FROM clock), 0), COALESCE((SELECT MAX(time_ms) FROM outbox), 0)) AS latest",
      )
      .one();
    return row.latest;
  }

  /** Writes one batch. Durable only after the storage has synchronised. @throws when the row cannot be written. */
  append(instance: string, firstSeq: number, records: readonly Uint8Array[], nowMs: number): void {
    const length = records.reduce((sum, record) => sum + record.length + 1, 0);
    const joined = new Uint8Array(length);
    let offset = 0;
    for (const record of records) {
      joined.set(record, offset);
      offset += record.length + 1;
      joined[offset - 1] = LINE_FEED;
    }
    this.#sql.exec(
      "INSERT INTO outbox (instance, first_seq, last_seq, time_ms, records) VALUES (?, ?, ?, ?, ?)",
      instance,
      firstSeq,
      firstSeq + records.length - 1,
      nowMs,
      joined,
    );
    this.#count(instance, records.length);
  }

  /** The oldest records of an incarnation, as many as one delivery takes; null when it has none. */
  next(instance: string): OutboxRows | null {
    const records: string[] = [];
    let lastSeq = 0;
    const rows = this.#sql.exec<{ last_seq: number; records: ArrayBuffer }>(
      "SELECT last_seq, records FROM outbox WHERE instance = ? ORDER BY id LIMIT ?",
      instance,
      MAX_DELIVERED_RECORDS,
    );
    for (const row of rows) {
      const text = utf8DecodeStrict(new Uint8Array(row.records)) ?? "";
      const more = text.slice(0, -1).split("\n");
      if (records.length > 0 && records.length + more.length > MAX_DELIVERED_RECORDS) break;
      records.push(...more);
      lastSeq = row.last_seq;
    }
    return records.length === 0 ? null : { instance, lastSeq, records };
  }

  /** Deletes the rows of an incarnation up to a record, and keeps the time, which they may have been the latest to tell. */
  acknowledge(instance: string, seq: number, nowMs: number): void {
    this.#sql.exec(
      "INSERT INTO clock (id, high_water_ms) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET high_water_ms = MAX(high_water_ms, excluded.high_water_ms)",
      nowMs,
    );
    const deleted = this.#sql
      .exec<{ records: number }>(
        "DELETE FROM outbox WHERE instance = ? AND last_seq <= ? RETURNING last_seq - first_seq + 1 AS records",
        instance,
        seq,
      )
      .toArray();
    this.#count(instance, -deleted.reduce((sum, row) => sum + row.records, 0));
  }

  #count(instance: string, records: number): void {
    const left = (this.#waiting.get(instance) ?? 0) + records;
    if (left > 0) this.#waiting.set(instance, left);
    else this.#waiting.delete(instance);
    this.#total += records;
  }
}
