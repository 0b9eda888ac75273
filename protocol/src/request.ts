/**
 * The request envelope: which service, version, action and region a request is for, and its parameters as plain data.
 *
 * Two schemes arrive. `tc3` has the common parameters in X-TC-* headers and the action's own in a JSON body (POST) or,
 * flattened, in the query (GET). `v1` has all of them as form fields, in the query (GET) or the body (POST).
 *
 * Reading is in two steps, so that a front door can verify the signature in between and never parses the body of a
 * stranger: `parseRequestHead`, then `parseRequestParams`. Neither looks at signatures.
 */

import type { ActionDefinition } from "./actions/definition.ts";
import { findAction } from "./actions/registry.ts";
import { utf8DecodeStrict } from "./bytes.ts";
import { failure, type Result, success } from "./errors.ts";
import { isRegionName, type ServiceName, serviceOfVersion } from "./services.ts";
import { type FormFields, parseForm } from "./signature/form.ts";
import type { RequestParts } from "./signature/parts.ts";

/** Largest requests, in bytes. A front door need not read on beyond `tc3Body`. */
export const requestLimits = {
  /** The body of a tc3 POST. */
  tc3Body: 10 * 1024 * 1024,
  /** The body of a v1 POST. */
  v1Body: 1024 * 1024,
  /** The query of a GET of either scheme. */
  query: 32 * 1024,
  token: 8192,
} as const;

/** Bounds on parsed parameters, far above what any action has. */
const maxDepth = 16;
const maxNodes = 100_000;

export type Language = "zh-CN" | "en-US";

export interface RequestHead {
  readonly scheme: "tc3" | "v1";
  readonly service: ServiceName;
  readonly version: string;
  /** As sent; a known action of the service. */
  readonly action: string;
  /** Its row in the registry. */
  readonly definition: ActionDefinition;
  /** Of the form of a region name; `null` when the request names none. */
  readonly region: string | null;
  /** The token of a temporary credential. */
  readonly token: string | null;
  readonly language: Language | null;
  /** How the client names itself: printable, at most 256 characters; `null` when it does not. For the audit trail. */
  readonly requestClient: string | null;
  /** The client's own id of the call, a UUID, which may be sent back as X-TC-TraceId. */
  readonly traceId: string | null;
  /** All form fields of a GET or a v1 request, common parameters included; `null` for a JSON body. */
  readonly fields: FormFields | null;
}

/** Parameters of an action: plain data from JSON, or from flattened fields. */
export interface RequestParams {
  /** Only own, enumerable names; never `__proto__`, at any depth. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Whether every scalar arrived as text (GET and v1), so that booleans are words too. */
  readonly isText: boolean;
}

const traceIdText = /^[0-9A-Fa-f-]{32,36}$/;
const clientText = /^[\x20-\x7e]+$/;

/**
 * Reads what a request is for.
 *
 * Errors: `UnsupportedProtocol` (neither GET nor POST), `RequestSizeLimitExceeded`, `InvalidRequest` (content type, form
 * that is not one, v1 POST with a query), `MissingParameter` (no action or version), `NoSuchVersion`, `InvalidAction`,
 * `UnsupportedRegion` (not of the form of a region name), `AuthFailure.TokenFailure` (token too long).
 */
export function parseRequestHead(request: RequestParts): Result<RequestHead> {
  const { method, headers, query, body } = request;
  if (method !== "POST" && method !== "GET") return failure("UnsupportedProtocol");
  if (query.length > requestLimits.query) return failure("RequestSizeLimitExceeded");

  const contentType = mediaType(headers.get("content-type"));
  const isForm = contentType === "application/x-www-form-urlencoded";
  const isTc3 =
    headers.get("authorization") !== null ||
    headers.get("x-tc-action") !== null ||
    (method === "POST" && !isForm);

  if (body.length > (isTc3 ? requestLimits.tc3Body : requestLimits.v1Body)) {
    return failure("RequestSizeLimitExceeded");
  }
  if (isTc3 && method === "POST" && contentType !== "application/json") {
    return failure("InvalidRequest", { message: "The Content-Type must be application/json." });
  }
  if (!isTc3 && method === "POST" && query !== "") {
    return failure("InvalidRequest", { message: "The fields must be in the body only." });
  }

  let fields: FormFields | null = null;
  if (method === "GET" || !isTc3) {
    const text = method === "GET" ? query : utf8DecodeStrict(body);
    fields = text === null ? null : parseForm(text);
    if (fields === null) {
      return failure("InvalidRequest", { message: "The parameters are not a well-formed form." });
    }
  }
  const fieldsOfHead = fields;
  const common = (name: string): string | null => {
    const value = isTc3 ? headers.get(`x-tc-${name.toLowerCase()}`) : fieldsOfHead?.get(name);
    return value === undefined || value === "" ? null : value;
  };

  const action = common("Action");
  if (action === null) return failure("MissingParameter", { message: "Action is missing." });
  const version = common("Version");
  if (version === null) return failure("MissingParameter", { message: "Version is missing." });
  const service = serviceOfVersion(version);
  if (service === null) return failure("NoSuchVersion");
  const definition = findAction(service, action);
  if (definition === null) return failure("InvalidAction");
  const region = common("Region");
  if (region !== null && !isRegionName(region)) return failure("UnsupportedRegion");
  const token = common("Token");
  if (token !== null && token.length > requestLimits.token) {
    return failure("AuthFailure.TokenFailure");
  }
  const language = common("Language");
  const requestClient = common("RequestClient")?.slice(0, 256) ?? null;
  const traceId = headers.get("x-tc-traceid");
  return success({
    scheme: isTc3 ? "tc3" : "v1",
    service,
    version,
    action,
    definition,
    region,
    token,
    language: language === "zh-CN" || language === "en-US" ? language : null,
    requestClient: requestClient !== null && clientText.test(requestClient) ? requestClient : null,
    traceId: traceId !== null && traceIdText.test(traceId) ? traceId : null,
    fields,
  });
}

/**
 * Reads the parameters of a request whose head is known. `InvalidParameter` for a body that is no UTF-8, no JSON or no
 * object, for `__proto__` as a name, for nesting deeper than 16, and for fields that do not unflatten.
 */
export function parseRequestParams(
  request: Pick<RequestParts, "body">,
  head: Pick<RequestHead, "scheme" | "fields">,
): Result<RequestParams> {
  if (head.fields !== null) {
    const values = unflatten(head.fields, head.scheme === "v1" ? v1CommonFields : noFields);
    if (values !== null) return success({ values, isText: true });
    return failure("InvalidParameter", {
      message: "The parameters do not form objects and arrays.",
    });
  }
  const values = parseJsonObject(request.body);
  if (values !== null) return success({ values, isText: false });
  return failure("InvalidParameter", { message: "The request body is not a valid JSON object." });
}

/** Both steps at once, for who verified the request already or has no need to. */
export function parseRequest(
  request: RequestParts,
): Result<{ readonly head: RequestHead; readonly params: RequestParams }> {
  const head = parseRequestHead(request);
  if (!head.ok) return head;
  const params = parseRequestParams(request, head.value);
  return params.ok ? success({ head: head.value, params: params.value }) : params;
}

/** The media type of a Content-Type header, without parameters, in lower case. */
function mediaType(contentType: string | null): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/**
 * The object of a JSON body, or `null`. Of members with one name the last counts, as `JSON.parse` has it (RFC 8259 §4
 * leaves it open): every part reads bodies with this function, so none sees another value than the one authorised.
 */
export function parseJsonObject(body: Uint8Array): Record<string, unknown> | null {
  const text = utf8DecodeStrict(body);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || Array.isArray(value)) return null;
  return isHarmless(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Whether parsed JSON is no deeper and no larger than the bounds, and has no member `__proto__`. */
function isHarmless(root: Record<string, unknown>): boolean {
  let nodes = 0;
  const visit = (value: Record<string, unknown>, depth: number): boolean => {
    if (depth > maxDepth) return false;
    for (const name in value) {
      nodes += 1;
      if (nodes > maxNodes || name === "__proto__") return false;
      const member = value[name];
      if (isObject(member) && !visit(member, depth + 1)) return false;
    }
    return true;
  };
  return visit(root, 1);
}

const noFields: ReadonlySet<string> = new Set();

/** What a v1 request has among its fields beside the parameters of the action. */
const v1CommonFields: ReadonlySet<string> = new Set([
  "Action",
  "Version",
  "Timestamp",
  "Region",
  "Token",
  "Language",
  "RequestClient",
  "SecretId",
  "Signature",
  "SignatureMethod",
  "Nonce",
]);

type Branch = Map<string, Branch | string>;

const memberName = /^[A-Za-z][A-Za-z0-9_]*$/;
const indexText = /^(0|[1-9][0-9]{0,4})$/;

/**
 * Objects and arrays from dotted names: `Tags.0.TagKey=env` is `{Tags: [{TagKey: "env"}]}`. Indices count from 0 without
 * gaps, in any order. `null` when names contradict one another (`A=1&A.b=2`, `A.0=1&A.b=2`) or are malformed.
 */
export function unflatten(
  fields: FormFields,
  except: ReadonlySet<string> = noFields,
): Record<string, unknown> | null {
  const root: Branch = new Map();
  for (const [name, value] of fields) {
    if (except.has(name)) continue;
    const segments = name.split(".");
    const last = segments.pop() as string;
    if (segments.length >= maxDepth) return null;
    let branch = root;
    for (const segment of segments) {
      let next = branch.get(segment);
      if (typeof next === "string") return null;
      if (next === undefined) {
        next = new Map();
        branch.set(segment, next);
      }
      branch = next;
    }
    if (branch.has(last)) return null;
    branch.set(last, value);
  }
  const value = grow(root);
  return isObject(value) && !Array.isArray(value) ? value : null;
}

function grow(branch: Branch | string): unknown {
  if (typeof branch === "string") return branch;
  if (branch.size > 0 && [...branch.keys()].every((key) => indexText.test(key))) {
    const items: unknown[] = [];
    for (let i = 0; i < branch.size; i++) {
      const item = branch.get(String(i));
      const value = item === undefined ? null : grow(item);
      if (value === null) return null;
      items.push(value);
    }
    return items;
  }
  const members: Record<string, unknown> = {};
  for (const [name, item] of branch) {
    const value = memberName.test(name) ? grow(item) : null;
    if (value === null) return null;
    members[name] = value;
  }
  return members;
}
