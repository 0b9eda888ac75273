/** Whether a caller may do what it asks. The one place where this door decides it, before any state is read. */

import { type ActionDefinition, ApiError, type Principal } from "@edge-kms/protocol";

export interface AccessRequest {
  readonly principal: Principal;
  readonly action: ActionDefinition;
  readonly region: string | null;
  /** The keys that the request names; none for actions on the operation as a whole. */
  readonly keyIds: readonly string[];
}

/**
 * The root account may do everything within its own account; the queries see to "own". Sub-users may do nothing yet: their
 * policies come with access management.
 */
export function authorize({ principal }: AccessRequest): void {
  if (principal.type !== "root") throw new ApiError("UnauthorizedOperation");
}
