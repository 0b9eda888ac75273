/**
 * Policy documents in the policy language 2.0 (contract §4.2), read strictly: what is stored is understood to the last element, and
 * what is not is refused with the code that names the faulty element (§4.7).
 */

import type { ErrorCode } from "../errors.ts";
import { failure, type Result, success } from "../errors.ts";
import { type Catalog, checkAction } from "./actions.ts";
import { compileValue, isConditionKey, parseOperator } from "./conditions.ts";
import { hasRepeatedMember } from "./json-members.ts";
import { parseResource } from "./resource.ts";
import { hasUnknownVariable } from "./variables.ts";

/** Longest document, in UTF-16 code units. */
export const maxPolicyDocumentLength = 6_144;

export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

export interface Statement {
  readonly effect: "allow" | "deny";
  /** As written. */
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: readonly Condition[];
}

export interface PolicyDocument {
  readonly statements: readonly Statement[];
}

/** What makes a document unfit: a code, and where in it. Caught here, and nowhere else. */
class Fault extends Error {
  readonly code: ErrorCode;
  readonly at: string;

  constructor(code: ErrorCode, at: string) {
    super(code);
    this.code = code;
    this.at = at;
  }
}

/**
 * A document of an identity's policy.
 *
 * @param catalog the services and actions that there are; names of others are refused.
 */
export function parsePolicyDocument(text: string, catalog: Catalog): Result<PolicyDocument> {
  if (text.length > maxPolicyDocumentLength) {
    return failure("InvalidParameter.PolicyDocumentLengthOverLimit");
  }
  try {
    return success(readDocument(text, catalog));
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const { code, at } = thrown;
    return failure(code, { message: `The policy document is not valid at ${at}.` });
  }
}

function readDocument(text: string, catalog: Catalog): PolicyDocument {
  const bad = (): Fault => new Fault("InvalidParameter.PolicyDocumentError", "its top");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw bad();
  }
  if (!isObject(json) || hasRepeatedMember(text)) throw bad();
  const { version, statement, principal, ...others } = json;
  if (version !== "2.0") throw new Fault("InvalidParameter.VersionError", "version");
  if (principal !== undefined) throw new Fault("InvalidParameter.PrincipalError", "principal");
  if (Object.keys(others).length > 0) throw bad();
  if (!Array.isArray(statement) || statement.length === 0) {
    throw new Fault("InvalidParameter.StatementError", "statement");
  }
  return {
    statements: statement.map((one, n) => readStatement(one, `statement[${n}]`, catalog)),
  };
}

function readStatement(json: unknown, at: string, catalog: Catalog): Statement {
  if (!isObject(json)) throw new Fault("InvalidParameter.StatementError", at);
  const { effect, action, resource, condition = {}, principal, ...others } = json;
  // Only policies of roles and of resources have one.
  if (principal !== undefined) {
    throw new Fault("InvalidParameter.PrincipalError", `${at}.principal`);
  }
  if (Object.keys(others).length > 0) throw new Fault("InvalidParameter.StatementError", at);
  if (effect !== "allow" && effect !== "deny") {
    throw new Fault("InvalidParameter.EffectError", `${at}.effect`);
  }
  if (action === undefined) throw new Fault("InvalidParameter.ActionMiss", `${at}.action`);
  const actions = readTexts(action, `${at}.action`, "InvalidParameter.ActionError");
  for (const [n, one] of actions.entries()) {
    const code = checkAction(one, catalog);
    if (code !== null) throw new Fault(code, `${at}.action[${n}]`);
  }
  const resources = readTexts(resource, `${at}.resource`, "InvalidParameter.ResourceError");
  const isService = (name: string): boolean => catalog.has(name);
  for (const [n, one] of resources.entries()) {
    if (one === "*") continue;
    const parsed = parseResource(one, isService);
    if (typeof parsed === "string") throw new Fault(parsed, `${at}.resource[${n}]`);
    if (hasUnknownVariable(one)) {
      throw new Fault("InvalidParameter.ResourceContentError", `${at}.resource[${n}]`);
    }
  }
  return { effect, actions, resources, conditions: readConditions(condition, `${at}.condition`) };
}

function readConditions(json: unknown, at: string): Condition[] {
  if (!isObject(json)) throw new Fault("InvalidParameter.ConditionError", at);
  return Object.entries(json).flatMap(([operator, keys]) => {
    if (parseOperator(operator) === null) {
      throw new Fault("InvalidParameter.ConditionTypeError", at);
    }
    const place = `${at}.${operator}`;
    if (!isObject(keys) || Object.keys(keys).length === 0) {
      throw new Fault("InvalidParameter.ConditionError", place);
    }
    return Object.entries(keys).map(([key, value]) => {
      const content = (): Fault => new Fault("InvalidParameter.ConditionContentError", place);
      if (!isConditionKey(key)) throw content();
      const values = readTexts(value, place, "InvalidParameter.ConditionContentError");
      const isFit = (one: string): boolean =>
        !hasUnknownVariable(one) && compileValue(operator, one) !== null;
      if (!values.every(isFit)) throw content();
      return { operator, key, values };
    });
  });
}

/** One text or a list of some. */
function readTexts(json: unknown, at: string, code: ErrorCode): string[] {
  const list: unknown[] = Array.isArray(json) ? json : [json];
  const texts = list.filter((one): one is string => typeof one === "string" && one !== "");
  if (texts.length === 0 || texts.length < list.length) throw new Fault(code, at);
  return texts;
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
