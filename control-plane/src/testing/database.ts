/**
 * Databases for tests: in memory, or fresh ones on the server that EDGE_KMS_TEST_DATABASE_URL names, so that the same
 * suite runs over a real PostgreSQL.
 */

import { randomBytes } from "node:crypto";
import pg from "pg";
import * as v from "valibot";
import { databaseTimes } from "../config.ts";
import { type Database, memoryUrl, openDatabase } from "../db/index.ts";

export interface TestDatabase {
  readonly database: Database;
  readonly isPostgres: boolean;
  /** Runs SQL behind the back of the code under test. */
  close(): Promise<void>;
}

/** As in production. */
export const testTimes = v.parse(databaseTimes, {});

/** A fresh, migrated database. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const server = process.env.EDGE_KMS_TEST_DATABASE_URL;
  if (server === undefined || server === "") {
    const database = await openDatabase({ url: memoryUrl, maxConnections: 1, times: testTimes });
    return { database, isPostgres: false, close: () => database.close() };
  }
  const name = `edge_kms_test_${randomBytes(6).toString("hex")}`;
  await withServer(server, `create database ${name}`);
  // Not through URL: one with a socket has no host before its path.
  const url = server.replace(/^([a-z]+:\/\/[^/]*\/)[^?]*/, `$1${name}`);
  const database = await openDatabase({ url, maxConnections: 8, times: testTimes });
  return {
    database,
    isPostgres: true,
    async close() {
      await database.close();
      await withServer(server, `drop database ${name} with (force)`);
    },
  };
}

async function withServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
