/** The whole system as `npm start` makes it: one per test file, in a home of its own, on free ports. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { NSS_MODULE } from "@edge-kms/hsm-bridge/testing/modules";

const launcher = fileURLToPath(import.meta.resolve("@edge-kms/launcher/main"));
const bridge = fileURLToPath(new URL("main.ts", import.meta.resolve("@edge-kms/hsm-bridge")));

export type PartName = "bridge" | "database" | "control plane" | "edge";

export type System = {
  readonly home: string;
  readonly port: number;
  /** The variables of `<home>/client.env`. */
  readonly env: Record<string, string>;
  /** All that the launcher printed so far, both streams. */
  output(): string;
  /** The last lines of every part's log but the ordinary ones: what to read when a test fails. */
  troubles(): string;
  /** Process id of a part as it runs now. */
  pid(part: PartName): number;
  /** Sends a signal to a part and waits until the launcher has another one running, and serving. */
  killAndWait(part: PartName, signal: NodeJS.Signals): Promise<void>;
  /** Ends the launcher with this signal and gives its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

export type SystemOptions = {
  readonly home?: string;
  readonly port?: number;
  /**
   * `nss`: a token of NSS's softoken, which is a PKCS#11 module independent of SoftHSM, in the home. `two tokens`: one of SoftHSM and
   * one of NSS, either of which is enough.
   */
  readonly store?: "auto" | "pkcs11" | "software" | "nss" | "two tokens";
  /** Content of `<home>/config.json`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
};

/** The store that tests use: a PKCS#11 token, unless this is the run without one. */
export const testStore: "software" | "pkcs11" = process.env.EDGE_KMS_NO_HSM ? "software" : "pkcs11";

/** Three consecutive free ports on loopback. */
export async function freePorts(): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 40_000);
    const free = await Promise.all([first, first + 1, first + 2].map(isFree));
    if (free.every(Boolean)) return first;
  }
}

/** A free port on loopback. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

export function temporaryHome(): string {
  return mkdtempSync(join(tmpdir(), "edge-kms-test-"));
}

/** A token of NSS is a directory; its label comes from the parameters. */
function nssToken(home: string, label: string): { module: string; libraryParameters: string } {
  if (NSS_MODULE === null) throw new Error("libsoftokn3.so is not installed (libnss3)");
  const directory = join(home, "tokens", "nss");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const libraryParameters = `configdir='sql:${directory}' dbTokenDescription='${label}'`;
  return { module: NSS_MODULE, libraryParameters };
}

/** Each use of an object derives a key from the PIN; that has 128 random bits, so that one round is enough. */
const nssRounds = { NSS_MAX_MP_PBE_ITERATION_COUNT: "1" };

/** NSS exports what is not extractable, so it needs the operator's word. */
function nssEnvironment(home: string): Record<string, string> {
  const { module, libraryParameters } = nssToken(home, "edge-kms");
  return {
    EDGE_KMS_STORE: "pkcs11",
    EDGE_KMS_PKCS11_MODULE: module,
    EDGE_KMS_LIBRARY_PARAMETERS: libraryParameters,
    EDGE_KMS_ACCEPT_EXTRACTING_TOKEN: "1",
    ...nssRounds,
  };
}

/** What an operator does who has a second token: makes it, names it, says that one is enough to go on. */
function twoTokensEnvironment(home: string): Record<string, string> {
  const label = "second";
  const { module, libraryParameters } = nssToken(home, label);
  const at = (name: string) => join(home, "tokens", name);
  const token = { label, module, libraryParameters, pinFile: "second-pin" };
  writeFileSync(at("further.json"), JSON.stringify([{ ...token, acceptExtractingToken: true }]));
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      ...[bridge, "init-token", "--pkcs11-module", module, "--token-label", label],
      ...["--library-parameters", libraryParameters, "--pin-file", at(token.pinFile)],
      ...["--so-pin-file", at("second-so-pin")],
    ],
    { encoding: "utf8", env: { ...process.env, ...nssRounds } },
  );
  if (status !== 0) throw new Error(`init-token failed: ${stderr}`);
  return {
    EDGE_KMS_STORE: "pkcs11",
    EDGE_KMS_FURTHER_TOKENS: at("further.json"),
    EDGE_KMS_WRITE_QUORUM: "1",
    ...nssRounds,
  };
}

function storeEnvironment(
  home: string,
  store: NonNullable<SystemOptions["store"]>,
): Record<string, string> {
  if (store === "nss") return nssEnvironment(home);
  if (store === "two tokens") return twoTokensEnvironment(home);
  return { EDGE_KMS_STORE: store };
}

/** Starts the launcher without waiting: for tests of starts that fail. */
export function launch(options: SystemOptions & { home: string; port: number }): {
  child: ChildProcess;
  output: () => string;
  exited: Promise<number | null>;
} {
  if (options.config) {
    writeFileSync(join(options.home, "config.json"), JSON.stringify(options.config));
  }
  const store = options.store ?? testStore;
  const child = spawn(process.execPath, [launcher], {
    env: {
      ...process.env,
      ...options.env,
      EDGE_KMS_HOME: options.home,
      EDGE_KMS_PORT: String(options.port),
      ...storeEnvironment(options.home, store),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { child, output: () => text, exited };
}

/** Starts a system and waits for its `ready` line. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const home = options.home ?? temporaryHome();
  const port = options.port ?? (await freePorts());
  const { child, output, exited } = launch({ ...options, home, port });
  let ended = false;
  exited.then(() => {
    ended = true;
  });
  const isReady = () => /^ready/m.test(output());
  while (!isReady()) {
    if (ended) {
      // Another test may have taken a port since it was found free.
      const isTaken = options.port === undefined && output().includes("is in use");
      if (isTaken) return startSystem({ ...options, home });
      throw new Error(`the system did not start:\n${output()}`);
    }
    await sleep(20);
  }
  const pid = (part: PartName): number => {
    const pids = JSON.parse(readFileSync(join(home, "parts.json"), "utf8"));
    return pids[part];
  };
  return {
    home,
    port,
    env: readEnv(join(home, "client.env")),
    output,
    troubles: () => troublesOf(join(home, "logs")),
    pid,
    async killAndWait(part, signal) {
      const old = pid(part);
      process.kill(old, signal);
      const again = new RegExp(`^${part} is back`, "gm");
      const before = output().match(again)?.length ?? 0;
      while ((output().match(again)?.length ?? 0) === before) {
        if (ended) throw new Error(`the system ended:\n${output()}`);
        await sleep(20);
      }
    },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const code = await exited;
      return code;
    },
  };
}

const TROUBLES = 20;

function troublesOf(logs: string): string {
  const parts = readdirSync(logs).map((file) => {
    const lines = readFileSync(join(logs, file), "utf8").trim().split("\n");
    const unusual = lines.filter((line) => !line.includes('"level":"info"'));
    return [`${file}:`, ...unusual.slice(-TROUBLES)].join("\n  ");
  });
  return parts.join("\n");
}

/** Stops a system and removes its home. */
export async function discard(system: System | undefined): Promise<void> {
  if (!system) return;
  await system.stop();
  rmSync(system.home, { recursive: true, force: true });
}

export function readEnv(path: string): Record<string, string> {
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  const entries = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    });
  return Object.fromEntries(entries);
}
