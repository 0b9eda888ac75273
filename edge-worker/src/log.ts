/** What the output may say of an error that is not ours: a JSON SyntaxError quotes its input in its message. */

const word = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** Name and code; empty for what is no error. */
export function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return "";
  const name = word.test(cause.name) ? cause.name : "Error";
  const code: unknown = Reflect.get(cause, "code");
  return typeof code === "string" && word.test(code) ? `${name} ${code}` : name;
}
