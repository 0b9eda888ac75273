/**
 * The configuration of `workerd serve` for one edge, as text in Cap'n Proto's schema language (workerd/workerd.capnp). Pure:
 * the caller writes it to a file and starts `workerd serve --experimental <file>`; paths in it are relative to that file
 * where they name the bundle, absolute where they name storage.
 */

/** Date of the Workers runtime's behaviour; the same as in wrangler.toml. */
export const COMPATIBILITY_DATE = "2026-08-01";

/** Identifies the storage of edge instances for ever: another value loses undelivered audit records. */
const UNIQUE_KEY = "edge-kms-edge-instance";

/** A secret from workerd's environment, or from a file (relative to the configuration) with nothing else in it. */
export type SecretSource = { readonly fromEnvironment: string } | { readonly file: string };

export interface WorkerdConfig {
  /** Folder of the built worker (`edge-worker/dist`), relative to the configuration file. */
  readonly bundle: string;
  /** `host:port` to listen on. */
  readonly listen: string;
  /** `host:port` of the control plane, over plain HTTP on loopback. */
  readonly controlPlane: string;
  /** Existing folder for the storage of edge instances, absolute. */
  readonly storage: string;
  readonly edgeId: string;
  readonly edgeGroup: string;
  /** Ed25519, PKCS#8 in base64. */
  readonly signingKey: SecretSource;
  /** Ed25519, raw 32 bytes in base64. */
  readonly bridgePublicKey: string;
  readonly controlPlanePublicKey: string;
  /** The first is the default. */
  readonly regions: readonly { readonly name: string; readonly suite: "AES_256" | "SM4" }[];
  /** Only when a proxy in front of every client sets it; empty otherwise. */
  readonly clientAddressHeader?: string;
  /** For how long a TC3 signature may serve other calls after its first use; 5000 unless shortened. */
  readonly signatureReuseMs?: number;
}

/** The text of a configuration. @throws RangeError for a text that cannot be written into it. */
export function workerdConfig(config: WorkerdConfig): string {
  const { bundle, signingKey } = config;
  const secret =
    "file" in signingKey
      ? `text = embed ${quoted(signingKey.file)}`
      : `fromEnvironment = ${quoted(signingKey.fromEnvironment)}`;
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    (name = "control-plane", external = (address = ${quoted(config.controlPlane)}, http = ())),
    (name = "storage", disk = (path = ${quoted(config.storage)}, writable = true)),
    # The worker reaches the control plane and nothing else.
    (name = "nowhere", network = (allow = [])),
  ],
  sockets = [(name = "http", address = ${quoted(config.listen)}, http = (), service = "edge")],
);

const edge :Workerd.Worker = (
  compatibilityDate = ${quoted(COMPATIBILITY_DATE)},
  modules = [
    (name = "worker.js", esModule = embed ${quoted(`${bundle}/worker.js`)}),
    (name = "relaxed.wasm", wasm = embed ${quoted(`${bundle}/relaxed.wasm`)}),
  ],
  bindings = [
    (name = "EDGE_ID", text = ${quoted(config.edgeId)}),
    (name = "EDGE_GROUP", text = ${quoted(config.edgeGroup)}),
    (name = "EDGE_SIGNING_KEY", ${secret}),
    (name = "BRIDGE_PUBLIC_KEY", text = ${quoted(config.bridgePublicKey)}),
    (name = "CONTROL_PLANE_PUBLIC_KEY", text = ${quoted(config.controlPlanePublicKey)}),
    (name = "REGIONS", json = ${quoted(JSON.stringify(config.regions))}),
    (name = "CLIENT_ADDRESS_HEADER", text = ${quoted(config.clientAddressHeader ?? "")}),
    (name = "SIGNATURE_REUSE_MS", text = ${quoted(String(config.signatureReuseMs ?? 5_000))}),
    (name = "CONTROL_PLANE", service = "control-plane"),
    (name = "EDGE_INSTANCE", durableObjectNamespace = "EdgeInstance"),
  ],
  globalOutbound = "nowhere",
  durableObjectNamespaces = [
    (className = "EdgeInstance", uniqueKey = ${quoted(UNIQUE_KEY)}, enableSql = true, preventEviction = true),
  ],
  durableObjectStorage = (localDisk = "storage"),
);
`;
}

const printable = /^[\x20-\x7e]*$/;

function quoted(text: string): string {
  if (!printable.test(text)) throw new RangeError("expected printable ASCII in the configuration");
  return `"${text.replace(/[\\"]/g, (character) => `\\${character}`)}"`;
}
