/**
 * Conditions of statements (contract §4.4): operators, what their values must look like, and when they hold. One row per operator;
 * `_if_exist`, `for_any_value:` and `for_all_value:` go with any of them.
 *
 * Where the contract leaves it open, the answer that grants less: a key that is absent from a request makes a condition fail; a
 * negated operator holds when the request's value differs from every value of the condition, and of several values of the request all do.
 */

import { base64Decode, base64Encode } from "../bytes.ts";
import { isInNetwork, type Network, parseAddress, parseNetwork } from "./ip.ts";
import { compilePattern, matchesPattern, type Pattern } from "./pattern.ts";

/** Values as compiled: JSON, so that they travel. */
export type ConditionValue = string | number | boolean | Network | Pattern;

interface OperatorRow<V extends ConditionValue = ConditionValue> {
  /** The compiled form of a value, null for one that the operator does not take. */
  readonly compile: (text: string) => V | null;
  /** Whether a value of the request stands in the relation to it; null for one that the operator does not take. */
  holds(actual: string, value: V): boolean | null;
  /** Holds when the relation holds for no value. */
  readonly isNegated?: true;
}

/** The pair of an operator and its opposite. */
function both<V extends ConditionValue>(positive: OperatorRow<V>): [OperatorRow, OperatorRow] {
  return [positive, { ...positive, isNegated: true }];
}

const text = (value: string): string => value;
const lower = (value: string): string => value.toLowerCase();
const number = (value: string): number | null =>
  /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : null;

/** ISO 8601 in UTC to the second or finer, as milliseconds since the epoch. */
export function parseTime(value: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z$/.test(value)) return null;
  const ms = Date.parse(value);
  // Of 30 February some parsers make 2 March.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== value.slice(0, 19)
    ? null
    : ms;
}

function ordered(
  parse: (value: string) => number | null,
  relation: (a: number, b: number) => boolean,
): OperatorRow<number> {
  return {
    compile: parse,
    holds(actual, value) {
      const parsed = parse(actual);
      return parsed === null ? null : relation(parsed, value);
    },
  };
}

const isEqual = (a: number, b: number): boolean => a === b;
const isLess = (a: number, b: number): boolean => a < b;
const isLessOrEqual = (a: number, b: number): boolean => a <= b;
const isGreater = (a: number, b: number): boolean => a > b;
const isGreaterOrEqual = (a: number, b: number): boolean => a >= b;

const [stringEqual, stringNotEqual] = both({ compile: text, holds: (a, b: string) => a === b });
const [ignoringCase, notIgnoringCase] = both({
  compile: lower,
  holds: (a, b: string) => a.toLowerCase() === b,
});
const [like, notLike] = both({
  compile: compilePattern,
  holds: (a, b: Pattern) => matchesPattern(b, a),
});
const [numericEqual, numericNotEqual] = both(ordered(number, isEqual));
const [dateEqual, dateNotEqual] = both(ordered(parseTime, isEqual));
const [ipEqual, ipNotEqual] = both({
  compile: parseNetwork,
  holds(actual, network: Network) {
    const address = parseAddress(actual);
    return address === null ? null : isInNetwork(address, network);
  },
});
const truth = (value: string): boolean | null =>
  value === "true" ? true : value === "false" ? false : null;
const boolEqual: OperatorRow<boolean> = {
  compile: truth,
  holds(actual, value) {
    const parsed = truth(actual);
    return parsed === null ? null : parsed === value;
  },
};
const binaryEqual: OperatorRow<string> = {
  compile(value) {
    const bytes = base64Decode(value);
    return bytes === null ? null : base64Encode(bytes);
  },
  holds: (a, b) => a === b,
};

/** `null_equal` is about the key being there and looks at no value. */
const nullEqual: OperatorRow<boolean> = { compile: truth, holds: () => false };

const operators: ReadonlyMap<string, OperatorRow> = new Map<string, OperatorRow>([
  ["string_equal", stringEqual],
  ["string_not_equal", stringNotEqual],
  ["string_equal_ignore_case", ignoringCase],
  ["string_not_equal_ignore_case", notIgnoringCase],
  ["string_like", like],
  ["string_not_like", notLike],
  ["numeric_equal", numericEqual],
  ["numeric_not_equal", numericNotEqual],
  ["numeric_less_than", ordered(number, isLess)],
  ["numeric_less_than_equal", ordered(number, isLessOrEqual)],
  ["numeric_greater_than", ordered(number, isGreater)],
  ["numeric_greater_than_equal", ordered(number, isGreaterOrEqual)],
  ["date_equal", dateEqual],
  ["date_not_equal", dateNotEqual],
  ["date_less_than", ordered(parseTime, isLess)],
  ["date_less_than_equal", ordered(parseTime, isLessOrEqual)],
  ["date_greater_than", ordered(parseTime, isGreater)],
  ["date_greater_than_equal", ordered(parseTime, isGreaterOrEqual)],
  ["bool_equal", boolEqual],
  ["binary_equal", binaryEqual],
  ["ip_equal", ipEqual],
  ["ip_not_equal", ipNotEqual],
  ["null_equal", nullEqual],
]);

/** Names of operators, without prefixes and suffixes. */
export const operatorNames: readonly string[] = [...operators.keys()];

/** Keys that a request has values for; others are in no request. */
export const conditionKeys = [
  "qcs:ip",
  "qcs:current_time",
  "qcs:resource_tag",
  "qcs:request_tag",
  "qcs:create_uin",
] as const;
export type ConditionKey = (typeof conditionKeys)[number];

export function isConditionKey(name: string): name is ConditionKey {
  return (conditionKeys as readonly string[]).includes(name);
}

/** What a request has: one value, several (tags, as `key&value`), or none. */
export type ConditionContext = Readonly<Partial<Record<ConditionKey, string | readonly string[]>>>;

const qualifiers = ["for_any_value:", "for_all_value:"] as const;
type Qualifier = (typeof qualifiers)[number] | "";
const IF_EXIST = "_if_exist";

interface Operator {
  readonly name: string;
  readonly qualifier: Qualifier;
  readonly isIfExist: boolean;
}

/** Null for what is no operator. */
export function parseOperator(spelling: string): Operator | null {
  const qualifier = qualifiers.find((prefix) => spelling.startsWith(prefix)) ?? "";
  const rest = spelling.slice(qualifier.length);
  const isIfExist = rest.endsWith(IF_EXIST);
  const name = isIfExist ? rest.slice(0, -IF_EXIST.length) : rest;
  return operators.has(name) ? { name, qualifier, isIfExist } : null;
}

/** The compiled form of a value, null for one that the operator does not take, or for no operator. */
export function compileValue(spelling: string, value: string): ConditionValue | null {
  const operator = parseOperator(spelling);
  return operator === null ? null : (operators.get(operator.name)?.compile(value) ?? null);
}

/** One operator with one key. Whoever compiled it may have known more operators and keys than whoever evaluates it. */
export interface CompiledCondition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly ConditionValue[];
}

/** Whether a condition holds; null for one that this program does not know, or where the request's value is not of its kind. */
export function judgeCondition(
  { operator: spelling, key, values }: CompiledCondition,
  context: ConditionContext,
): boolean | null {
  const operator = parseOperator(spelling);
  const relation = operator === null ? undefined : operators.get(operator.name);
  if (operator === null || relation === undefined || !isConditionKey(key)) return null;
  const given = context[key];
  const actual = given === undefined ? [] : typeof given === "string" ? [given] : given;
  if (operator.name === "null_equal") return values.includes(actual.length === 0);
  if (actual.length === 0) return operator.isIfExist;
  const isNegated = relation.isNegated === true;
  const held = actual.map((one) => values.map((value) => relation.holds(one, value)));
  if (held.some((one) => one.includes(null))) return null;
  const holds = held.map((one) => one.includes(true) !== isNegated);
  const isForAll = operator.qualifier === "" ? isNegated : operator.qualifier === "for_all_value:";
  return isForAll ? !holds.includes(false) : holds.includes(true);
}
