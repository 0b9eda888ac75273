/** `npm start`: reads the configuration, starts everything, says how to use it, and stops everything in order. */

import { once } from "node:events";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { readConfig, usage } from "./config.ts";
import { openHome, writePrivateFile } from "./home.ts";
import { type Running, type StartEvents, start } from "./start.ts";
import { StartError } from "./start-error.ts";

const checkout = fileURLToPath(new URL("../..", import.meta.url));

/** Path as a person in the checkout would type it. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

function greeting({ store, home, edgeUrl, controlPlaneUrl }: Running): string {
  const example = relative(process.cwd(), join(checkout, "examples/first-light.mjs"));
  return [
    `ready  edge ${edgeUrl}`,
    `       control plane ${controlPlaneUrl} (the door for tccli over plain http)`,
    `       master keys in ${store.kind === "pkcs11" ? `a PKCS#11 token (${store.reason})` : "the SOFTWARE store, which is no HSM"}`,
    `       credentials in ${shown(home.clientEnv)}`,
    "       in another terminal:",
    "",
    `           node --env-file=${shown(home.clientEnv)} ${example} "some text"`,
    "",
    "       Ctrl-C stops everything.",
  ].join("\n");
}

/** Runs until somebody asks for the end or a part is lost; the exit code. */
async function main(): Promise<number> {
  const config = readConfig(process.argv.slice(2), process.env, join(checkout, ".edge-kms"));
  if (!config) {
    console.log(usage);
    return 0;
  }
  const home = openHome(config.home);
  const end = new AbortController();
  let exitCode = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // Further signals while parts end change nothing: their order matters more than a second.
    process.on(signal, () => end.abort());
  }
  // Whoever started us with an IPC channel is gone, so nobody could stop us any more.
  process.once("disconnect", () => end.abort());
  const pids: Record<string, number> = {};
  const events: StartEvents = {
    note: (line) => console.log(line),
    serving(name, pid, restarted) {
      pids[name] = pid;
      writePrivateFile(join(home.root, "parts.json"), `${JSON.stringify(pids)}\n`);
      if (restarted) console.log(`${name} is back`);
    },
    restarting: (name, how) => console.error(`${name} died (${how}); restarting it`),
    lost(name, why) {
      console.error(`${name} is lost: ${why}. Stopping everything.`);
      exitCode = 1;
      end.abort();
    },
  };
  try {
    console.log(`starting edge-kms in ${shown(home.root)} …`);
    const running = await start(config, home, events, end.signal);
    console.log(greeting(running));
    if (!end.signal.aborted) await once(end.signal, "abort");
    await running.stop();
  } catch (error) {
    if (!end.signal.aborted) throw error;
  } finally {
    home.release();
  }
  console.log("stopped");
  return exitCode;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
