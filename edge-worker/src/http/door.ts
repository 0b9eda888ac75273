/** The door: what a request is, and who serves it. */

import {
  ApiError,
  FORWARD_HEADER,
  findAction,
  kmsActions,
  parseRequestHead,
  requestLimits,
  toApiError,
  unwrap,
  utf8DecodeStrict,
} from "@edge-kms/protocol";
import { logInternal, serveCall } from "../calls/serve-call.ts";
import { forward } from "../forwarding/forward.ts";
import { requireGenuineParameters } from "../forwarding/import-parameters.ts";
import { receive } from "../forwarding/receive.ts";
import type { Isolate, Visit } from "../isolate/isolate.ts";
import { apiAnswer, errorAnswer, plainAnswer } from "./answers.ts";
import { type Arrival, arrivalOf, splitTarget, targetOf } from "./arrival.ts";
import { BodyRoom, readBody } from "./request-body.ts";

/** Shared by the requests of the isolate: plain bytes and counts, no streams. */
const bodies = new BodyRoom();

export async function answer(request: Request, visit: Visit): Promise<Response> {
  const target = targetOf(request);
  const { path } = splitTarget(target);
  if (path === "/healthz") return health(visit.isolate);
  if (path !== "/") {
    await request.body?.cancel();
    return plainAnswer(404, { error: "not found" });
  }
  const place = bodies.place();
  try {
    const body = await readBody(request, requestLimits.tc3Body, place);
    return typeof body === "string"
      ? errorAnswer(crypto.randomUUID(), new ApiError(body))
      : await answerCall(arrivalOf(request, target, body, visit.isolate.bindings), visit);
  } finally {
    place.release();
  }
}

async function answerCall(arrived: Arrival, visit: Visit): Promise<Response> {
  let arrival = arrived;
  try {
    const header = arrived.headers.get(FORWARD_HEADER);
    if (header !== null) arrival = await receive(arrived, header, visit.isolate);
    return await route(arrival, visit);
  } catch (thrown) {
    const error = toApiError(thrown);
    if (error.code === "InternalError") logInternal(arrival, "request", error);
    return errorAnswer(arrival.requestId, error);
  }
}

/** Actions of the data plane are served here; all others, unknown ones too, are the control plane's to answer. */
async function route(arrival: Arrival, visit: Visit): Promise<Response> {
  const head = unwrap(parseRequestHead(arrival));
  const action = findAction(head.service, head.action);
  if (action?.plane !== "data") {
    const body = await forward(arrival, visit.isolate);
    if (action === kmsActions.GetParametersForImport) {
      await requireGenuineParameters(body, arrival, head, visit.isolate);
    }
    // A right may have been given, which the caller may use at once.
    if (action?.kind !== "read" && isSuccess(body)) await visit.rightsChanged();
    return apiAnswer(body);
  }
  return apiAnswer(await serveCall(arrival, head, action, visit));
}

function isSuccess(body: Uint8Array): boolean {
  try {
    return JSON.parse(utf8DecodeStrict(body) ?? "").Response.Error === undefined;
  } catch {
    return false;
  }
}

/** Ready when the instance answers; asking also wakes it, so that it connects and delivers what waits. */
async function health(isolate: Isolate): Promise<Response> {
  const { isConnected, blockedRecords } = await isolate.instance().status();
  return plainAnswer(200, {
    status: "ok",
    controlPlane: isConnected ? "connected" : "away",
    blockedRecords,
  });
}
