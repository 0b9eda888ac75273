/** Variables in resources and values of conditions (contract §4.2): what they stand for is known when a policy is compiled. */

/** Whose policies are compiled. */
export interface PolicySubject {
  /** Uin of the account. */
  readonly account: string;
  readonly appId: number;
  /** Uin of the caller. */
  readonly uin: string;
}

const variable = /\$\{([^}]*)\}/g;

const meanings: ReadonlyMap<string, (subject: PolicySubject) => string> = new Map([
  ["uin", ({ uin }: PolicySubject) => uin],
  ["owner_uin", ({ account }: PolicySubject) => account],
  ["app_id", ({ appId }: PolicySubject) => String(appId)],
]);

export function hasUnknownVariable(text: string): boolean {
  return [...text.matchAll(variable)].some(([, name]) => !meanings.has(name ?? ""));
}

/** What stands for a variable is made of digits, and so can mean nothing else in its place. */
export function substitute(text: string, subject: PolicySubject): string {
  return text.replaceAll(variable, (whole, name: string) => meanings.get(name)?.(subject) ?? whole);
}
