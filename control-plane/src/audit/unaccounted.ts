/**
 * How many answered calls of an account an edge instance may owe records of (protocol.md "At most N unaccounted" has the
 * derivation). While it is connected it delivers, and owes nothing that it could not tell.
 */

export interface DeliveryState {
  readonly isConnected: boolean;
  /** Its successor has delivered all that was left. */
  readonly isSettled: boolean;
  /** The account has written it off. */
  readonly isAccepted: boolean;
  /** The most records that any credential granted to it for the account let it keep to itself; 0 without one. */
  readonly maxUnacknowledged: number;
}

export function unaccountedAtMost(instance: DeliveryState): number {
  const { isConnected, isSettled, isAccepted, maxUnacknowledged } = instance;
  return isConnected || isSettled || isAccepted ? 0 : maxUnacknowledged;
}
