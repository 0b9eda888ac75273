// The door for every npm script: brings a bare clone to the state that the task needs, then runs the task under Node 24.
// Plain JavaScript without dependencies, because it starts under whatever Node (20 or later) the machine has.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const softhsm = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];
/** NSS's softoken: the second PKCS#11 module that tests run on. */
const softoken = [
  "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
  "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
  "/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
  "/usr/lib/aarch64-linux-gnu/nss/libsoftokn3.so",
];
const addon = join(modules, "pkcs11js", "build", "Release", "pkcs11.node");

/** Ends with one sentence and a non-zero exit. */
function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** Runs a command to its end, showing its output; stops the whole task when it fails. */
function must(what, command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    ...options,
  });
  if (status !== 0) fail(`${what} failed (${error?.message ?? signal ?? `exit ${status}`}).`);
}

/** SHA-256 over names and contents of the files under these paths. */
function fingerprint(paths, extra = "") {
  const hash = createHash("sha256").update(extra);
  const add = (path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (["node_modules", "dist", "test", "bench"].includes(name) || /\.test\.\w+$/.test(name))
      return;
    const full = join(root, path);
    let children = null;
    try {
      children = readdirSync(full).sort();
    } catch {
      hash.update(`${path}\0`).update(readFileSync(full)).update("\0");
    }
    for (const child of children ?? []) add(`${path}/${child}`);
  };
  for (const path of paths) if (existsSync(join(root, path))) add(path);
  return hash.digest("hex");
}

/** Runs `make` unless the stamp file already has this fingerprint; the stamp is written last. */
function unlessDone(stamp, mark, make) {
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === mark) return;
  rmSync(stamp, { force: true });
  make();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, mark);
}

/** The npm that started us, or the one on the PATH. */
function npm(args, options) {
  const path = process.env.npm_execpath;
  const byNode = path?.endsWith(".js");
  must(
    `npm ${args.join(" ")}`,
    byNode ? process.execPath : (path ?? "npm"),
    byNode ? [path, ...args] : args,
    options,
  );
}

function install() {
  const manifests = ["package.json", ...workspaces().map((name) => `${name}/package.json`)];
  const mark = fingerprint(["package-lock.json", ...manifests], arch());
  unlessDone(join(modules, ".edge-kms-installed"), mark, () => {
    console.log("installing packages (once per lock file) …");
    // The PKCS#11 addon compiles against Node's headers. Where the system has them, say so; elsewhere node-gyp looks
    // for its own. It is optional: without it the software store serves.
    const env = { ...process.env };
    if (existsSync("/usr/include/node")) env.npm_config_nodedir = "/usr";
    npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"], { env });
  });
}

function workspaces() {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).workspaces;
}

/** Path of the Node that runs the project: the one from the lock file, or ours when it is new enough. */
function node24() {
  const own = join(modules, `node-linux-${arch()}`, "bin", "node");
  if (existsSync(own)) return own;
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  return fail(
    `edge-kms runs on Node 24 or later; there is no packaged one for ${process.platform}-${arch()}, and this is ${process.version}.`,
  );
}

/** Environment in which `node` is Node 24 and the packages' commands are found. */
function environment(extra = {}) {
  const path = [dirname(node24()), join(modules, ".bin"), process.env.PATH].join(":");
  return { ...process.env, ...extra, PATH: path, WRANGLER_SEND_METRICS: "false" };
}

function build() {
  const node = node24();
  const wasm = fingerprint(["wasm-core/assembly", "wasm-core/common", "wasm-core/package.json"]);
  const options = { env: environment() };
  unlessDone(join(root, "wasm-core/dist/.built"), wasm, () => {
    console.log("building wasm-core …");
    npm(["run", "--silent", "build", "-w", "@edge-kms/wasm-core"], options);
  });
  const edge = fingerprint(
    ["edge-worker", "protocol", "wasm-core/src", "wrangler.toml", "package-lock.json"],
    `${wasm}${node}`,
  );
  unlessDone(join(root, "edge-worker/dist/.built"), edge, () => {
    console.log("building edge-worker …");
    npm(["run", "--silent", "build", "-w", "@edge-kms/edge-worker"], options);
  });
}

/** What `npm test` needs beyond npm: PKCS#11 modules to test against, and the addon that talks to them. */
function requireToken() {
  const missing = [];
  if (!softhsm.some(existsSync)) missing.push("softhsm2");
  if (!softoken.some(existsSync)) missing.push("libnss3");
  if (!existsSync(addon)) {
    const lacks = (command) => spawnSync(command, ["--version"]).status !== 0;
    if (lacks("g++") || lacks("make")) missing.push("build-essential");
    if (lacks("python3")) missing.push("python3");
    if (!existsSync("/usr/include/node")) missing.push("libnode-dev");
  }
  if (missing.length > 0) {
    const words = ["install", "-y", "--no-install-recommends", ...missing];
    if (process.getuid?.() !== 0) {
      fail(
        `The tests need Debian packages. Run: sudo apt-get ${words.join(" ")}\n` +
          "or test without a PKCS#11 token: npm run test:nohsm",
      );
    }
    console.log(`installing Debian packages: ${missing.join(" ")} …`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    must("apt-get update", "apt-get", ["update", "-qq"], { env });
    must(`apt-get ${words.join(" ")}`, "apt-get", ["-qq", ...words], { env });
  }
  if (!existsSync(addon)) {
    rmSync(join(modules, ".edge-kms-installed"), { force: true });
    install();
    if (!existsSync(addon)) {
      fail(
        "pkcs11js did not compile: npm left it out. `npm rebuild pkcs11js --foreground-scripts` shows why; " +
          "`npm run test:nohsm` tests without it.",
      );
    }
  }
}

/**
 * Runs the task in the foreground: passes signals on, ends as it ends. The IPC channel tells the child when we are gone;
 * when npm, which started us, is gone, we stop the child.
 */
function foreground(command, args, env) {
  const child = spawn(command, args, { env, stdio: ["inherit", "inherit", "inherit", "ipc"] });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  if (process.env.npm_lifecycle_event) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), 1000).unref();
  }
  child.on("error", (error) => fail(`could not run ${command}: ${error.message}`));
  child.on("exit", (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}

/** The same variables as far as they are set already. */
function own(variables) {
  const names = Object.keys(variables).filter((name) => process.env[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

const vitest = join(modules, "vitest", "vitest.mjs");
const [task, ...args] = process.argv.slice(2);

const tasks = {
  build() {
    install();
    build();
  },
  start() {
    tasks.build();
    foreground(node24(), [join(root, "launcher/src/main.ts"), ...args], environment());
  },
  test() {
    install();
    requireToken();
    build();
    foreground(node24(), [vitest, "run", "--root", root, ...args], environment());
  },
  "test:nohsm"() {
    tasks.build();
    const env = environment({ EDGE_KMS_NO_HSM: "1" });
    foreground(node24(), [vitest, "run", "--root", root, ...args], env);
  },
  "test:fuzz"() {
    tasks.build();
    const npmArgs = ["run", "--silent", "test:fuzz", "-w", "@edge-kms/wasm-core", "--", ...args];
    npm(npmArgs, { env: environment() });
    if (args.length > 0) return;
    const random = (what, project, file, variables) => {
      const words = [vitest, "run", "--root", root, "--project", project, file];
      must(what, node24(), words, { env: environment({ ...variables, ...own(variables) }) });
    };
    const lives = { EDGE_KMS_LIFE_CYCLE_RUNS: "5000" };
    random("lives of keys beside their model", "postgresql", "life-cycle.postgresql", lives);
    const walks = { EDGE_KMS_MODEL_WALKS: "20000" };
    random("walks through the protocol's model", "test", "test/model", walks);
  },
  "test:soak"() {
    install();
    requireToken();
    build();
    const seconds = Number(process.env.EDGE_KMS_SOAK_SECONDS || "600");
    // A round of kills takes about two minutes.
    const rounds = Math.max(1, Math.round(seconds / 120));
    const env = environment({
      EDGE_KMS_SOAK_SECONDS: String(seconds),
      EDGE_KMS_KILL_ROUNDS: String(rounds),
    });
    const files =
      args.length > 0 ? args : ["test/src/faults.test.ts", "test/src/kill-life-cycle.test.ts"];
    foreground(node24(), [vitest, "run", "--root", root, ...files], env);
  },
  bench() {
    tasks.build();
    const env = environment();
    must("bench", node24(), [join(root, "test/bench/main.ts"), ...args], { env });
    if (args.length === 0) npm(["run", "--silent", "bench", "-w", "@edge-kms/wasm-core"], { env });
  },
  lint() {
    install();
    const env = environment();
    execFileSync(join(modules, ".bin/biome"), ["check", ...args, root], { env, stdio: "inherit" });
    execFileSync(node24(), [join(modules, "typescript/bin/tsc"), "-b", root], {
      env,
      stdio: "inherit",
    });
  },
  format() {
    install();
    execFileSync(join(modules, ".bin/biome"), ["check", "--write", root], { stdio: "inherit" });
  },
};

if (!Object.hasOwn(tasks, task ?? ""))
  fail(`usage: node scripts/run.mjs ${Object.keys(tasks).join("|")}`);
if (Number(process.versions.node.split(".")[0]) < 20)
  fail(`edge-kms needs Node 20 or later; this is ${process.version}.`);
try {
  tasks[task]();
} catch (error) {
  fail(`${task} failed${error.status ? ` (exit ${error.status})` : `: ${error.message}`}`);
}
