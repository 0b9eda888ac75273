/**
 * Whether an object of a JSON text has two members of one name (RFC 8259 §4: what a reader makes of them is unpredictable). A policy
 * that says "deny" and then "allow" must not be read as either. The text must be one that `JSON.parse` takes.
 */
export function hasRepeatedMember(text: string): boolean {
  const open: (Set<string> | null)[] = [];
  let mayBeName = false;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "{":
        open.push(new Set());
        mayBeName = true;
        break;
      case "[":
        open.push(null);
        mayBeName = false;
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case ",":
        mayBeName = open.at(-1) instanceof Set;
        break;
      case '"': {
        const end = endOfString(text, at);
        const names = open.at(-1);
        if (mayBeName && names instanceof Set) {
          const name: string = JSON.parse(text.slice(at, end + 1));
          if (names.has(name)) return true;
          names.add(name);
          mayBeName = false;
        }
        at = end;
        break;
      }
    }
  }
  return false;
}

/** The place of the quotation mark that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}
