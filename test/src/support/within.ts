/** The promise of P2: what was acknowledged holds everywhere after five seconds. */

/** Repeats the attempt until it succeeds, for 5 s at most. @throws what the last attempt threw. */
export async function within5s(attempt: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 5000;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
