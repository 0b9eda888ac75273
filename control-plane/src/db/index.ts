/** What the other rooms use of the database. */

export type { Database, Listener, Queryable } from "./database.ts";
export { DatabaseError } from "./errors.ts";
export { NewerDatabaseError } from "./migrate.ts";
export { memoryUrl, openDatabase } from "./open.ts";
