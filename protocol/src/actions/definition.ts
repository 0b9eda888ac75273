/**
 * What an action is: one row, from which routers, permission checks, audit and documentation read. An action's row, input
 * and output stand in one file under `actions/<service>/`; `registry.ts` gathers the rows.
 */

import type * as v from "valibot";
import type { ErrorCode } from "../errors.ts";
import type { ServiceName } from "../services.ts";

/** A schema of an object with the named members at hand, so that documentation can list them. */
export type ObjectSchema = v.GenericSchema<object, object> & { readonly entries: v.ObjectEntries };

export interface ActionDefinition {
  readonly service: ServiceName;
  readonly version: string;
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** Whether it changes stored state. The audit calls these Read and Write; a write runs once per signature. */
  readonly kind: "read" | "write";
  /** `data`: uses keys, served at the edge. `control`: manages them, served by the control plane. */
  readonly plane: "data" | "control";
  /** Whether permission is checked against the keys that a request names, or against the operation as a whole. */
  readonly granularity: "resource" | "operation";
  readonly input: ObjectSchema;
  /** What it answers, `RequestId` apart. For types and documentation; nothing is validated on the way out. */
  readonly output: ObjectSchema;
  /** The documented error codes, `InternalError` and those of the request envelope apart. */
  readonly errors: readonly ErrorCode[];
}

/** Parameters as a client writes them: the request types of the official SDKs fit. */
export type ActionRequest<D extends ActionDefinition> = v.InferInput<D["input"]>;

/** Parameters as a handler gets them from `parseInput`: defaults filled in, bytes decoded. */
export type ActionInput<D extends ActionDefinition> = v.InferOutput<D["input"]>;

/** What a handler answers, `RequestId` apart. */
export type ActionOutput<D extends ActionDefinition> = v.InferOutput<D["output"]>;
