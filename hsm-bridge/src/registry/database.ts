/**
 * The registry's SQLite file: WAL, `synchronous=FULL` (each commit is one fsync of the log), one process at a time. All
 * writes go through `commit`, which puts what arrives in the same turn of the event loop into one transaction.
 */

import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { BridgeError, StartupError } from "../errors.ts";
import { migrations } from "./schema.ts";

/** SQLite result codes (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;

/** A predecessor that is just ending holds the lock for a moment. */
const BUSY_TIMEOUT_MS = 500;

interface Change {
  readonly run: () => void;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

export class Database {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #queue: Change[] = [];
  #isClosed = false;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The first row, or null. `Row` is what the table's STRICT types and the query make of it. */
  get<Row extends object>(sql: string, ...values: SQLInputValue[]): Row | null {
    return (this.#prepare(sql).get(...values) as Row | undefined) ?? null;
  }

  all<Row extends object>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** Rows changed. Only inside `commit`. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /**
   * Runs `change` in a transaction and resolves when it is durable; what it throws undoes it alone. It must not await: no
   * other code runs between its reads and its writes.
   */
  commit<T>(change: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let value: T;
      this.#queue.push({
        run: () => {
          value = change();
        },
        settle: () => resolve(value),
        fail: reject,
      });
      if (this.#queue.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const batch = this.#queue;
    this.#queue = [];
    if (batch.length === 0) return;
    const outcomes: (() => void)[] = [];
    try {
      if (this.#isClosed) throw new Error("the registry is closed");
      this.#database.exec("BEGIN IMMEDIATE");
      for (const { run, settle, fail } of batch) {
        this.#database.exec("SAVEPOINT change");
        try {
          run();
          outcomes.push(settle);
        } catch (error) {
          this.#database.exec("ROLLBACK TO change");
          outcomes.push(() => fail(error));
        }
        this.#database.exec("RELEASE change");
      }
      this.#database.exec("COMMIT");
    } catch (cause) {
      try {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      } catch {
        // The first error is the one to tell.
      }
      const error = new BridgeError("internal", "The registry cannot be written.", { cause });
      for (const { fail } of batch) fail(error);
      return;
    }
    for (const outcome of outcomes) outcome();
  }

  /** Commits what waits and closes the file. */
  close(): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Opens or makes the registry file, checks it and brings its schema up to date. StartupError in one sentence. */
export async function openDatabase(path: string): Promise<Database> {
  const isNew = !existsSync(path);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, {
      timeout: BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: true,
    });
    await chmod(path, 0o600);
    // Exclusive before WAL: one bridge per registry, and no shared-memory file (sqlite.org/wal.html §8).
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA secure_delete = ON;
      PRAGMA trusted_schema = OFF;
    `);
    if (!isNew) {
      const check = database.prepare("PRAGMA quick_check(1)").get() as { quick_check?: string };
      if (check.quick_check !== "ok") throw new Error("quick_check failed");
    }
    migrate(database);
    return new Database(database);
  } catch (error) {
    database?.close();
    if (error instanceof StartupError) throw error;
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new StartupError(`The registry ${path} is in use by another bridge.`, error);
    }
    throw new StartupError(
      `The registry ${path} is damaged or cannot be opened: restore it from a backup.`,
      error,
    );
  }
}

function migrate(database: DatabaseSync): void {
  const row = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (row.user_version > migrations.length) {
    throw new StartupError(
      `The registry was written by a newer release (schema ${row.user_version}, this one knows ${migrations.length}).`,
    );
  }
  // Takes the lock even when there is nothing to do.
  database.exec("BEGIN EXCLUSIVE");
  for (let version = row.user_version; version < migrations.length; version++) {
    database.exec(migrations[version] as string);
    database.exec(`PRAGMA user_version = ${version + 1}`);
  }
  database.exec("COMMIT");
}
