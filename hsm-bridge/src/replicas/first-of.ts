/** Several ways to the same answer, of which any will do. */

/**
 * Starts the first attempt, and the next one when one has failed or been silent for `patienceMs`. The first answer wins; those that come
 * later go to `discard`. Rejects with an AggregateError of every failure, in the order of the attempts, when none succeeds.
 */
export function firstOf<T>(
  attempts: readonly (() => Promise<T>)[],
  patienceMs: number,
  discard: (late: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const failures = new Array<unknown>(attempts.length);
    let started = 0;
    let failed = 0;
    let isSettled = false;
    let timer: NodeJS.Timeout | undefined;
    const startNext = (): void => {
      clearTimeout(timer);
      const n = started;
      const attempt = attempts[n];
      if (attempt === undefined) return;
      started += 1;
      timer = setTimeout(startNext, patienceMs);
      attempt().then(
        (value) => {
          clearTimeout(timer);
          if (isSettled) return discard(value);
          isSettled = true;
          resolve(value);
        },
        (error: unknown) => {
          failures[n] = error;
          failed += 1;
          if (isSettled) return;
          if (failed < attempts.length) return startNext();
          clearTimeout(timer);
          isSettled = true;
          reject(new AggregateError(failures));
        },
      );
    };
    if (attempts.length === 0) reject(new AggregateError([]));
    else startNext();
  });
}

/** What became of one of several pieces of work. */
export type Settled<N, T> =
  | { readonly name: N; readonly value: T }
  | { readonly name: N; readonly error: unknown };

/**
 * Runs all at once. When `enough` have succeeded the rest is waited for `graceMs` longer and no more: what has not settled by then is not
 * in the answer, and its value goes to `discard`.
 */
export async function settleMost<N, T>(
  work: readonly { readonly name: N; readonly run: () => Promise<T> }[],
  enough: number,
  graceMs: number,
  discard: (late: T) => void,
): Promise<Settled<N, T>[]> {
  const settled: Settled<N, T>[] = [];
  let isOver = false;
  let succeeded = 0;
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const all = Promise.all(
    work.map(async ({ name, run }) => {
      try {
        const value = await run();
        if (isOver) return discard(value);
        settled.push({ name, value });
        succeeded += 1;
        if (succeeded === enough) reach();
      } catch (error) {
        settled.push({ name, error });
      }
    }),
  );
  await Promise.race([all, reached]);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs);
  });
  await Promise.race([all, late]);
  clearTimeout(timer);
  isOver = true;
  return [...settled];
}
