/** Time, passed in everywhere, so that tests need not wait for it. */

/** Milliseconds since the Unix epoch. */
export type Clock = () => number;

export const systemClock: Clock = Date.now;
