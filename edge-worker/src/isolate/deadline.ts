/** Nobody waits for ever: how long a request waits for another's work, or for the instance. */

/** A deadline passed. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** The promise, or DeadlineError when it takes longer. The work itself goes on. */
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
