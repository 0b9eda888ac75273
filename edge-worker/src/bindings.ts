/** The environment of the worker, read once and checked: nothing else in this workspace looks at `env`. */

import { base64Decode, type EnvelopeSuite, isRegionName } from "@edge-kms/protocol";
import * as v from "valibot";

/** A region that this edge serves, with the suite that its new ciphertexts have. */
export interface Region {
  readonly name: string;
  readonly suite: EnvelopeSuite;
}

/** Sends a request to the control plane. The path and query of the URL count, its host does not. */
export type ControlPlaneFetch = (target: string | Request, init: RequestInit) => Promise<Response>;

export interface Bindings {
  readonly edgeId: string;
  readonly edgeGroup: string;
  /** The enrolled Ed25519 key, PKCS#8 DER. Secret. */
  readonly signingKey: Uint8Array<ArrayBuffer>;
  /** Ed25519, raw 32 bytes each. */
  readonly bridgePublicKey: Uint8Array<ArrayBuffer>;
  readonly controlPlanePublicKey: Uint8Array<ArrayBuffer>;
  /** Where the control plane is, without a trailing slash. */
  readonly controlPlaneUrl: string;
  /** Whether it is a service binding: then a URL's host does not count, and a received one may be sent on as it is. */
  readonly isControlPlaneBound: boolean;
  readonly fetchControlPlane: ControlPlaneFetch;
  /** By name. The first is the one a request means that names none. */
  readonly regions: ReadonlyMap<string, Region>;
  readonly defaultRegion: Region;
  /** The header in which the platform vouches for the caller's address, or null when nobody does. */
  readonly clientAddressHeader: string | null;
  /** For how long after its first use a TC3 signature may serve other calls (protocol.md "Replay"). */
  readonly signatureReuseMs: number;
  readonly instances: DurableObjectNamespace;
}

/** The configuration is unusable. The message names the binding and never its value. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/** With a service binding the host is never resolved; it is only there because a URL needs one. */
const serviceBindingUrl = "http://control-plane";

const name = /^[a-z0-9][a-z0-9-]{0,62}$/;
const headerName = /^[a-z0-9-]{1,64}$/;

const suites = { AES_256: 1, SM4: 2 } as const;

const regionList = v.pipe(
  v.array(
    v.strictObject({
      name: v.pipe(v.string(), v.check(isRegionName)),
      suite: v.picklist(["AES_256", "SM4"]),
    }),
  ),
  v.minLength(1),
  v.maxLength(64),
  v.check((list) => new Set(list.map((region) => region.name)).size === list.length),
);

/** Checks an environment. @throws ConfigurationError naming the first binding that is missing or malformed. */
export function checkEnvironment(env: object): Bindings {
  const values = env as Readonly<Record<string, unknown>>;
  const regions = new Map(regionsOf(values.REGIONS).map((region) => [region.name, region]));
  const [defaultRegion] = regions.values();
  if (defaultRegion === undefined) throw unusable("REGIONS");
  return {
    edgeId: matching(values, "EDGE_ID", name),
    edgeGroup: matching(values, "EDGE_GROUP", name),
    signingKey: keyBytes(values, "EDGE_SIGNING_KEY", 48),
    bridgePublicKey: keyBytes(values, "BRIDGE_PUBLIC_KEY", 32),
    controlPlanePublicKey: keyBytes(values, "CONTROL_PLANE_PUBLIC_KEY", 32),
    ...controlPlane(values),
    regions,
    defaultRegion,
    clientAddressHeader: addressHeader(values.CLIENT_ADDRESS_HEADER),
    signatureReuseMs: reuseMs(values.SIGNATURE_REUSE_MS),
    instances: namespace(values.EDGE_INSTANCE),
  };
}

const checked = new WeakMap<object, Bindings>();

/** The checked environment, checked once per environment object. */
export function bindingsOf(env: object): Bindings {
  const known = checked.get(env);
  if (known !== undefined) return known;
  const bindings = checkEnvironment(env);
  checked.set(env, bindings);
  return bindings;
}

function unusable(binding: string): ConfigurationError {
  return new ConfigurationError(`the binding ${binding} is missing or malformed`);
}

function matching(env: Readonly<Record<string, unknown>>, binding: string, form: RegExp): string {
  const value = env[binding];
  if (typeof value !== "string" || !form.test(value.trim())) throw unusable(binding);
  return value.trim();
}

/** An Ed25519 private key in PKCS#8 without attributes has 48 bytes (RFC 8410 §7), a public one raw 32. */
function keyBytes(
  env: Readonly<Record<string, unknown>>,
  binding: string,
  length: number,
): Uint8Array<ArrayBuffer> {
  const value = env[binding];
  const bytes = typeof value === "string" ? base64Decode(value.trim()) : null;
  if (bytes?.length !== length) throw unusable(binding);
  return bytes;
}

function regionsOf(value: unknown): Region[] {
  let json: unknown = value;
  if (typeof value === "string") {
    try {
      json = JSON.parse(value);
    } catch {
      throw unusable("REGIONS");
    }
  }
  const parsed = v.safeParse(regionList, json);
  if (!parsed.success) throw unusable("REGIONS");
  return parsed.output.map((region) => ({ name: region.name, suite: suites[region.suite] }));
}

function controlPlane(
  env: Readonly<Record<string, unknown>>,
): Pick<Bindings, "controlPlaneUrl" | "isControlPlaneBound" | "fetchControlPlane"> {
  const service = env.CONTROL_PLANE;
  if (service !== undefined) {
    if (!isFetcher(service)) throw unusable("CONTROL_PLANE");
    return {
      controlPlaneUrl: serviceBindingUrl,
      isControlPlaneBound: true,
      fetchControlPlane: (target, init) => service.fetch(target, init),
    };
  }
  const value = env.CONTROL_PLANE_URL;
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : null;
  // Off loopback only TLS, and loopback is reached through the service binding.
  if (url === null || url.protocol !== "https:" || url.search !== "" || url.hash !== "") {
    throw unusable("CONTROL_PLANE_URL");
  }
  return {
    controlPlaneUrl: `${url.origin}${url.pathname.replace(/\/+$/, "")}`,
    isControlPlaneBound: false,
    fetchControlPlane: (target, init) => fetch(target, init),
  };
}

function isFetcher(value: unknown): value is Fetcher {
  return typeof value === "object" && value !== null && "fetch" in value;
}

function addressHeader(value: unknown): string | null {
  if (value === undefined || value === "") return null;
  if (typeof value !== "string" || !headerName.test(value)) throw unusable("CLIENT_ADDRESS_HEADER");
  return value;
}

const longestReuseMs = 5_000;

function reuseMs(value: unknown): number {
  if (value === undefined || value === "") return longestReuseMs;
  const ms = Number(value);
  if (!Number.isInteger(ms) || ms < 0 || ms > longestReuseMs) throw unusable("SIGNATURE_REUSE_MS");
  return ms;
}

function namespace(value: unknown): DurableObjectNamespace {
  const isNamespace = typeof value === "object" && value !== null && "idFromName" in value;
  if (!isNamespace) throw unusable("EDGE_INSTANCE");
  return value as DurableObjectNamespace;
}
