/**
 * What an action is at this door: its row of the protocol, the keys that a request names, and what it does. A handler
 * reads parse → authorise → act → answer; the first two are the same for all and happen in `dispatch.ts`.
 */

import {
  type ActionDefinition,
  type ActionInput,
  type ActionOutput,
  ApiError,
  parseInput,
  type RequestParams,
  unwrap,
} from "@edge-kms/protocol";
import type { Call } from "./call.ts";

/** An action as the dispatcher, the audit and the permission check see it. */
export interface ControlAction {
  readonly definition: ActionDefinition;
  /** Whether it makes no difference which region is named, or whether one is. */
  readonly isRegionless: boolean;
  /** Parses parameters. @throws ApiError when they are not those of the action. */
  read(params: RequestParams): ParsedCall;
}

export interface ParsedCall {
  /** Keys that the request names. */
  readonly keyIds: readonly string[];
  act(call: Call): Promise<object>;
}

interface Row<D extends ActionDefinition> {
  readonly isRegionless?: boolean;
  readonly keyIds?: (input: ActionInput<D>) => readonly string[];
  readonly act: (call: Call, input: ActionInput<D>) => Promise<ActionOutput<D>>;
}

/** Joins the protocol's definition of an action with what it does here. */
export function controlAction<D extends ActionDefinition>(
  definition: D,
  row: Row<D>,
): ControlAction {
  return {
    definition,
    isRegionless: row.isRegionless ?? false,
    read(params) {
      const input = unwrap(parseInput(definition, params));
      refuseNul(input);
      return {
        keyIds: row.keyIds?.(input) ?? [],
        act: (call) => row.act(call, input),
      };
    },
  };
}

/** PostgreSQL stores no NUL in a text, and no parameter has a use for one. */
function refuseNul(value: unknown): void {
  if (typeof value === "string" && value.includes("\u0000")) {
    throw new ApiError("InvalidParameter", { message: "A parameter contains a NUL character." });
  }
  if (typeof value === "object" && value !== null) Object.values(value).forEach(refuseNul);
}
