/**
 * The home: the one folder that holds everything `npm start` makes (design §5). It is held by one launcher at a time; the
 * lock is a SQLite lock, which the kernel drops when its holder dies, so a kill -9 leaves nothing to take over.
 */

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { StartError } from "./start-error.ts";

const FORMAT = 1;

/** `<home>/home.json`: what was chosen when the home was made and cannot change afterwards. */
const homeRecord = v.strictObject({
  format: v.literal(FORMAT),
  store: v.picklist(["pkcs11", "software"]),
  account: v.string(),
  appId: v.number(),
});
export type HomeRecord = v.InferOutput<typeof homeRecord>;

export type Home = {
  readonly root: string;
  readonly bridge: string;
  readonly pki: string;
  readonly db: string;
  readonly edge: string;
  readonly tokens: string;
  readonly logs: string;
  readonly clientEnv: string;
  readonly bootstrap: string;
  /** Lets go of the lock. */
  release(): void;
};

/** Writes a file of mode 0600 so that a crash leaves the old one or the new one, durably. */
export function writePrivateFile(path: string, content: string): void {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  writeFileSync(temporary, content, { mode: 0o600, flush: true });
  renameSync(temporary, path);
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

/** Opens or makes the home and takes its lock. Throws {@link StartError} when it is taken or cannot be used. */
export function openHome(root: string): Home {
  const folders = ["bridge", "pki", "db", "edge", "tokens", "logs"] as const;
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const name of folders) {
      mkdirSync(join(root, name), { recursive: true, mode: 0o700 });
      chmodSync(join(root, name), 0o700);
    }
  } catch (error) {
    throw new StartError(`The home ${root} cannot be used: ${(error as Error).message}`);
  }
  const lock = takeLock(root);
  const at = (name: string) => join(root, name);
  return {
    root,
    bridge: at("bridge"),
    pki: at("pki"),
    db: at("db"),
    edge: at("edge"),
    tokens: at("tokens"),
    logs: at("logs"),
    clientEnv: at("client.env"),
    bootstrap: at("bootstrap.json"),
    release: () => lock.close(),
  };
}

function takeLock(root: string): DatabaseSync {
  const path = join(root, "lock");
  const pidFile = join(root, "launcher.pid");
  const lock = new DatabaseSync(path);
  try {
    lock.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!/locked|busy/i.test((error as Error).message)) {
      throw new StartError(`The lock ${path} cannot be used: ${(error as Error).message}`);
    }
    const pid = existsSync(pidFile) ? readFileSync(pidFile, "utf8").trim() : "unknown";
    throw new StartError(`edge-kms already runs on the home ${root} (process ${pid}).`);
  }
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return lock;
}

/** What the home was made with; null for a new one. */
export function readHomeRecord(home: Home): HomeRecord | null {
  const path = join(home.root, "home.json");
  if (!existsSync(path)) {
    if (existsSync(join(home.bridge, "registry.sqlite"))) {
      throw new StartError(
        `The home ${home.root} is damaged: home.json is missing beside a bridge registry. Restore it from a backup.`,
      );
    }
    return null;
  }
  try {
    return v.parse(homeRecord, JSON.parse(readFileSync(path, "utf8")));
  } catch {
    throw new StartError(
      `The home ${home.root} is damaged: home.json is not what edge-kms wrote. Restore it from a backup.`,
    );
  }
}

export function writeHomeRecord(home: Home, record: HomeRecord): void {
  writePrivateFile(join(home.root, "home.json"), `${JSON.stringify(record, null, 2)}\n`);
}
