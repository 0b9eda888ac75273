/** What people see: tables with aligned columns, and times they can read. */

/** Lines of a table; columns are as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, n) => Math.max(...all.map((row) => (row[n] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** A time of the API, unix seconds, as UTC; `-` for never. */
export function time(seconds: number): string {
  return seconds === 0 ? "-" : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

export function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

/** Nothing that a service says may move the cursor of a terminal. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, "?");
}
