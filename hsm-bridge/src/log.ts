/**
 * The bridge's output: one JSON object per line, on stdout, errors on stderr. Fields are closed values (ids, codes,
 * counts). An unknown error is written by name and code and never by message, which could repeat what it was given.
 */

export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export function createLogger(
  out: (line: string) => void = (line) => process.stdout.write(line),
  err: (line: string) => void = (line) => process.stderr.write(line),
): Logger {
  const line = (level: string, message: string, fields: LogFields = {}): string =>
    `${JSON.stringify({ time: new Date().toISOString(), level, part: "hsm-bridge", message, ...fields })}\n`;
  return {
    info: (message, fields) => out(line("info", message, fields)),
    warn: (message, fields) => err(line("warn", message, fields)),
    error: (message, fields) => err(line("error", message, fields)),
  };
}

/** What may be said of an error nobody foresaw: its name, its code, and where it was thrown. */
export function describeError(thrown: unknown): LogFields {
  if (!(thrown instanceof Error)) return { error: typeof thrown };
  const code: unknown = (thrown as { code?: unknown }).code;
  const frame = thrown.stack?.split("\n").find((text) => text.startsWith("    at "));
  return {
    error: thrown.name,
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(frame === undefined ? {} : { at: frame.trim().replace(/\(?file:\/\/.*\/src\//, "(src/") }),
  };
}
