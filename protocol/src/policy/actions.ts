/**
 * Actions of statements (contract §4.2): `*`, `<service>:<action>`, or `name/<service>:<action>`, which means the same; stars in
 * either. Services are matched whatever their case, actions exactly.
 */

import type { ErrorCode } from "../errors.ts";
import { compilePattern, matchesPattern, type Pattern } from "./pattern.ts";

/** Services that there are, in lower case, each with the names of its actions. */
export type Catalog = ReadonlyMap<string, readonly string[]>;

/** One action, by its service. */
export interface ActionName {
  readonly service: string;
  readonly name: string;
}

export interface CompiledAction {
  readonly service: Pattern;
  readonly name: Pattern;
}

/** Names that old policies have for actions of today, by service. */
const olderNames: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  kms: {
    ListKey: ["ListKeys"],
    GetKeyAttributes: ["DescribeKey", "DescribeKeys"],
    SetKeyAttributes: ["UpdateAlias", "UpdateKeyDescription"],
  },
  cam: {
    CreateApiKey: ["CreateAccessKey"],
    CreateCollApiKey: ["CreateAccessKey"],
    DeleteApiKey: ["DeleteAccessKey"],
  },
};

const written = /^(?:name\/)?([A-Za-z0-9*-]+):([A-Za-z0-9_*]+)$/;

function split(text: string): ActionName | null {
  if (text === "*") return { service: "*", name: "*" };
  const match = written.exec(text);
  if (match === null) return null;
  return { service: (match[1] as string).toLowerCase(), name: match[2] as string };
}

const olderNamesOf = ({ service, name }: ActionName): readonly string[] => {
  const names = Object.hasOwn(olderNames, service) ? olderNames[service] : undefined;
  return names !== undefined && Object.hasOwn(names, name) ? (names[name] ?? []) : [];
};

/** The code that names what is wrong with an action, or null: it must cover one of the catalog at least. */
export function checkAction(text: string, catalog: Catalog): ErrorCode | null {
  const action = split(text);
  if (action === null) return "InvalidParameter.ActionError";
  const service = compilePattern(action.service);
  const covered = [...catalog].filter(([name]) => matchesPattern(service, name));
  if (covered.length === 0) return "InvalidParameter.ActionServiceNotExist";
  if (olderNamesOf(action).length > 0) return null;
  const pattern = compilePattern(action.name);
  const isThere = covered.some(([, names]) => names.some((name) => matchesPattern(pattern, name)));
  return isThere ? null : "InvalidParameter.ActionNotExist";
}

/** Of an action that was checked: one, or several where an old name stands for several. */
export function compileAction(text: string): CompiledAction[] {
  const action = split(text);
  if (action === null) return [];
  const service = compilePattern(action.service);
  const names = [action.name, ...olderNamesOf(action)];
  return names.map((name) => ({ service, name: compilePattern(name) }));
}

export function matchesAction(compiled: CompiledAction, { service, name }: ActionName): boolean {
  return matchesPattern(compiled.service, service) && matchesPattern(compiled.name, name);
}
