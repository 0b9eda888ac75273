/**
 * Waiting, by the rules of Workers. Nobody waits for ever; and nobody waits for a promise that another request settles: when
 * that request's client has hung up, the runtime may run what follows in the wrong request, whose answer then fails
 * ("Cannot perform I/O on behalf of a different request", seen under load). What requests share is a plain object that
 * one writes and others look at, each woken by a timer of its own.
 */

/** A deadline passed. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** The outcome of work that one request does for several: undefined until it is there. */
export interface Shared<T> {
  outcome: { readonly value: T } | { readonly error: Error } | undefined;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The value of shared work, or its error. @throws DeadlineError when there is neither in time. */
export async function shared<T>(
  work: Shared<T>,
  deadlineMs: number,
  firstLookMs: number,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let pause = firstLookMs;
  while (work.outcome === undefined) {
    if (Date.now() >= end) throw new DeadlineError(`no outcome within ${deadlineMs} ms`);
    await sleep(pause);
    pause = 1;
  }
  if ("error" in work.outcome) throw work.outcome.error;
  return work.outcome.value;
}

/** A promise of this request, or DeadlineError when it takes longer. The work itself goes on. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
