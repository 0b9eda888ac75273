/** What clients asked and what came of it, in memory: the evidence that the checker judges. */

export type Call = {
  readonly action: string;
  /** What it was done with: the role of a key (`clients.ts`). */
  readonly what: string;
  readonly sentAtMs: number;
  endedAtMs: number;
  /** `ok`, the code of a refusal, or what the network said when there was no answer; null while it is under way. */
  outcome: string | null;
  /** Null when no answer came. */
  requestId: string | null;
};

type Answer = { readonly RequestId?: string };

/** Times are those of this process's monotonic clock, in milliseconds. */
export class CallLog {
  readonly calls: Call[] = [];
  /** What no system may do: wrong plaintexts, lost writes. One sentence each. */
  readonly violations: string[] = [];

  /** The answer, or null when there was none or a refusal. */
  async note<T extends Answer>(
    action: string,
    what: string,
    work: () => Promise<T>,
  ): Promise<T | null> {
    const call: Call = {
      action,
      what,
      sentAtMs: performance.now(),
      endedAtMs: Number.POSITIVE_INFINITY,
      outcome: null,
      requestId: null,
    };
    this.calls.push(call);
    try {
      const answer = await work();
      call.requestId = answer.RequestId ?? null;
      call.outcome = "ok";
      return answer;
    } catch (thrown) {
      const error = thrown as { code?: string; requestId?: string; message?: string };
      call.requestId = error.requestId || null;
      call.outcome = error.code || (error.message ?? "").slice(0, 60) || "no answer";
      return null;
    } finally {
      call.endedAtMs = performance.now();
    }
  }
}

export const isAnswered = ({ requestId }: Call): boolean => requestId !== null;
