/** The routes of this door: the API at `/`, what edges ask at `/edge/v1`, and two for whoever watches over it. */

import { randomUUID } from "node:crypto";
import {
  ApiError,
  listActions,
  openApiDocument,
  parseRequestHead,
  type RequestParts,
  requestLimits,
  toApiError,
  unwrap,
} from "@edge-kms/protocol";
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { type Dispatcher, dispatch } from "./actions/dispatch.ts";
import { findControlAction } from "./actions/registry.ts";
import { acceptAudit } from "./audit/audit-endpoint.ts";
import { acceptSettled, type SettledServices } from "./audit/settled-endpoint.ts";
import {
  type AdmittedEdge,
  admitConnection,
  CONNECT_HEADER,
  connectPath,
  upgradeToHub,
} from "./connections/connect-endpoint.ts";
import type { Hub } from "./connections/hub.ts";
import { type DataKeyServices, readDataKey, storeDataKey } from "./data-keys/data-key-endpoints.ts";
import type { EdgeAnswer } from "./edges/answers.ts";
import { type EdgeForwarder, servedAtTheEdge } from "./forwarding/forward-to-edge.ts";
import { isForwarded, type ReceivedCall, receiveForwarded } from "./forwarding/receive.ts";
import { apiFailure, apiSuccess, wireAnswer, wireRefusal } from "./http/answers.ts";
import { type RawRequest, rawRequestOf } from "./http/raw-request.ts";
import { type CredentialServices, grantCredential } from "./leases/credential-endpoint.ts";
import { grantLeases } from "./leases/lease-endpoint.ts";
import { performOperation } from "./leases/operation-endpoint.ts";
import { passOnPublicKey } from "./leases/public-key-endpoint.ts";
import { passOnSealingKey } from "./leases/sealing-key-endpoint.ts";
import { describeError, type Log, type LogFields } from "./log.ts";

/** What the endpoints of edges work with. */
export type EdgeServices = CredentialServices & DataKeyServices & SettledServices;

export interface AppServices {
  readonly dispatcher: Dispatcher;
  readonly edges: EdgeServices;
  readonly hub: Hub;
  /** Null where data-plane calls are not forwarded. */
  readonly forwarder: EdgeForwarder | null;
  /** Whether database and bridge answer. */
  readonly isReady: () => Promise<boolean>;
  readonly log: Log;
}

/** What this door and the edges serve, for tools that read OpenAPI; no secret, the same for everyone. */
const openApi = openApiDocument(listActions());

type Env = { Bindings: HttpBindings; Variables: { admitted: AdmittedEdge } };

/** Signed messages of edges: at most an audit delivery of 500 records. */
const maxEdgeBodyBytes = 8 * 1024 * 1024;

export function createApp(services: AppServices): Hono<Env> {
  const app = new Hono<Env>();
  const { edges, hub } = services;
  app.all("/", (c) => answerApi(services, rawRequestOf(c.env.incoming)));
  app.post("/edge/v1/leases", (c) => answerEdge(services, c, (body) => grantLeases(edges, body)));
  app.post("/edge/v1/operations", (c) =>
    answerEdge(services, c, (body) => performOperation(edges, body)),
  );
  app.post("/edge/v1/credentials", (c) =>
    answerEdge(services, c, (body) => grantCredential(edges, body)),
  );
  app.post("/edge/v1/sealing-key", (c) =>
    answerEdge(services, c, (body) => passOnSealingKey(edges, body)),
  );
  app.post("/edge/v1/audit", (c) => answerEdge(services, c, (body) => acceptAudit(edges, body)));
  app.post("/edge/v1/public-keys", (c) =>
    answerEdge(services, c, (body) => passOnPublicKey(edges, body)),
  );
  app.post("/edge/v1/data-keys/store", (c) =>
    answerEdge(services, c, (body) => storeDataKey(edges, body)),
  );
  app.post("/edge/v1/data-keys/read", (c) =>
    answerEdge(services, c, (body) => readDataKey(edges, body)),
  );
  app.post("/edge/v1/audit/settled", (c) =>
    answerEdge(services, c, (body) => acceptSettled(edges, body)),
  );
  app.get(
    connectPath,
    async (c, next) => {
      const admitted = await admitConnection(edges, c.req.header(CONNECT_HEADER));
      if ("refusal" in admitted) return toResponse(services.log, c.req.path, admitted.refusal);
      c.set("admitted", admitted);
      return next();
    },
    upgradeToHub(hub, (c) => c.get("admitted")),
  );
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/readyz", async (c) =>
    (await services.isReady()) ? c.json({ status: "ready" }) : c.json({ status: "not ready" }, 503),
  );
  app.get("/openapi.json", (c) => c.json(openApi));
  app.notFound(() => wireRefusal(404, { code: "not-found" }));
  app.onError((error, c) => {
    services.log.error("request failed", { path: c.req.path, ...describeError(error) });
    return wireRefusal(503, { code: "unavailable" });
  });
  return app;
}

/** What is told of a call in the log: never its parameters. */
interface CallLog {
  requestId: string;
  action?: string;
  region?: string;
  uin?: string;
  forwardedBy?: string;
}

async function answerApi(services: AppServices, request: RawRequest): Promise<Response> {
  const startedMs = performance.now();
  const call: CallLog = { requestId: randomUUID() };
  let error: ApiError | null = null;
  let response: Response;
  try {
    const result = await serve(services, request, call);
    error = result.error;
    response = result.response;
  } catch (thrown) {
    error = toApiError(thrown);
    response = apiFailure(call.requestId, error);
  }
  const fields: LogFields = {
    ...call,
    code: error?.code ?? "",
    ms: Math.round(performance.now() - startedMs),
  };
  if (error?.code === "InternalError")
    services.log.error("call", { ...fields, ...describeError(error) });
  else services.log.info("call", { ...fields, detail: error?.detail });
  return response;
}

async function serve(
  services: AppServices,
  request: RawRequest,
  call: CallLog,
): Promise<{ response: Response; error: ApiError | null }> {
  const body = await request.readBody(requestLimits.tc3Body);
  if (body === null) throw new ApiError("RequestSizeLimitExceeded");
  let received: ReceivedCall | null = null;
  if (isForwarded(request)) {
    received = await receiveForwarded(services.edges, request, body);
    call.requestId = received.requestId ?? call.requestId;
    call.forwardedBy = received.edge.edge;
  }
  const { method, query, headers } = request;
  const parts: RequestParts = received?.parts ?? { method, query, headers, body };
  const head = unwrap(parseRequestHead(parts));
  call.action = head.action;
  if (head.region !== null) call.region = head.region;

  const { requestId } = call;
  const action = findControlAction(head.service, head.action);
  if (action === null) {
    if (received !== null) throw new ApiError("InternalError", { detail: "forwarded twice" });
    if (services.forwarder === null) throw servedAtTheEdge();
    const clientAddress = plainAddress(request.remoteAddress);
    const response = await services.forwarder.forward({ requestId, request, body, clientAddress });
    return { response, error: null };
  }

  const { uin, result } = await dispatch(services.dispatcher, action, {
    requestId,
    head,
    parts,
    sourceAddress: received?.clientAddress ?? plainAddress(request.remoteAddress),
    forwarder: received?.edge ?? null,
  });
  if (uin !== undefined) call.uin = uin;
  if (!result.ok) return { response: apiFailure(requestId, result.error), error: result.error };
  return { response: apiSuccess(requestId, result.output), error: null };
}

/** An IPv4 address that came over an IPv6 socket, in its plain form (RFC 4291 §2.5.5.2). */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

async function answerEdge(
  services: AppServices,
  c: Context<Env>,
  answer: (body: unknown) => Promise<EdgeAnswer>,
): Promise<Response> {
  const { log } = services;
  const body = await rawRequestOf(c.env.incoming).readBody(maxEdgeBodyBytes);
  if (body === null) return wireRefusal(413, { code: "too-large" });
  let json: unknown;
  try {
    json = JSON.parse(body.toString("utf8"));
  } catch {
    return wireRefusal(400, { code: "malformed" });
  }
  try {
    return toResponse(log, c.req.path, await answer(json));
  } catch (error) {
    log.error("edge request failed", { path: c.req.path, ...describeError(error) });
    return wireRefusal(503, { code: "unavailable" });
  }
}

function toResponse(log: Log, path: string, answer: EdgeAnswer): Response {
  if (answer.status === 200) return wireAnswer(answer.body);
  log.warn("edge request refused", { path, code: answer.error.code, reason: answer.reason });
  return wireRefusal(answer.status, answer.error);
}
