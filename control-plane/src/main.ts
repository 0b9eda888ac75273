/** `node control-plane/src/main.ts serve`: one control-plane process. */

import { ConfigError, readConfig } from "./config.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { DatabaseError, NewerDatabaseError } from "./db/index.ts";
import { describeError } from "./log.ts";

const usage = `Usage: node control-plane/src/main.ts serve [flags]

  --home <folder>         where everything lives          (EDGE_KMS_HOME, default .edge-kms)
  --listen <host:port>    address of this door            (EDGE_KMS_CONTROL_PLANE_LISTEN, default 127.0.0.1:8788)
  --database-url <url>    postgresql://… or memory:       (EDGE_KMS_DATABASE_URL, DATABASE_URL)
  --bridge-url <url>      the HSM bridge                  (EDGE_KMS_BRIDGE_URL, default https://127.0.0.1:8789)
  --edge-url <url>        an edge for data-plane calls; may be repeated   (EDGE_KMS_EDGE_URLS, comma-separated)
  --tls-certificate-file <file>, --tls-key-file <file>    speak https     (EDGE_KMS_TLS_CERTIFICATE_FILE, EDGE_KMS_TLS_KEY_FILE)
  --plain-http-behind-proxy   plain http beyond loopback: a TLS proxy stands in front (EDGE_KMS_PLAIN_HTTP_BEHIND_PROXY)
  --production            refuse settings that are for development        (EDGE_KMS_PRODUCTION)
  --help                  this text

Further settings are in the section "controlPlane" of <home>/config.json.
`;

/** One sentence for the operator. Of errors that are not made for reading, only name and code. */
function sentence(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (error instanceof NewerDatabaseError) return error.message;
  if (error instanceof DatabaseError) {
    return error.kind === "unavailable"
      ? `The database cannot be reached (${error.code}).`
      : `The database refuses (${error.code}).`;
  }
  if (!(error instanceof Error)) return "The control plane did not start.";
  const code: unknown = Reflect.get(error, "code");
  if (code === "EADDRINUSE") return "The port to listen on is in use.";
  if (code === "EACCES") return "The port or a file may not be used by this user.";
  return typeof code === "string" ? `The control plane did not start (${code}).` : error.message;
}

async function main(args: readonly string[]): Promise<number | undefined> {
  const [command, ...flags] = args;
  if (args.includes("--help") || command === "help") {
    process.stdout.write(usage);
    return 0;
  }
  if (command !== "serve") {
    process.stderr.write(usage);
    return 2;
  }
  let controlPlane: ControlPlane;
  try {
    controlPlane = await startControlPlane(readConfig(flags, process.env, process.cwd()));
  } catch (error) {
    process.stderr.write(`${sentence(error)}\n`);
    return 1;
  }
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    controlPlane.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // A launcher that dies takes its parts with it.
  process.on("disconnect", stop);
  process.send?.({ type: "ready", url: controlPlane.url });
  return undefined;
}

process.on("uncaughtException", (error) => {
  process.stderr.write(`${JSON.stringify({ event: "crash", ...describeError(error) })}\n`);
  process.exit(70);
});

const status = await main(process.argv.slice(2));
if (status !== undefined) process.exit(status);
