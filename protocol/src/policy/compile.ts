/**
 * Policies as they are evaluated: every text taken apart once, variables replaced, resources of other accounts left out. Plain JSON, so
 * that it travels to edges and is evaluated there as it is.
 */

import { type CompiledAction, compileAction } from "./actions.ts";
import { type CompiledCondition, type ConditionValue, compileValue } from "./conditions.ts";
import type { PolicyDocument, Statement } from "./document.ts";
import { type CompiledResource, compileResource, parseResource } from "./resource.ts";
import { type PolicySubject, substitute } from "./variables.ts";

/** Which statement of which policy. */
export interface StatementName {
  readonly policyId: number;
  /** From 0. */
  readonly statement: number;
}

export interface CompiledStatement {
  readonly name: StatementName;
  readonly effect: "allow" | "deny";
  readonly actions: readonly CompiledAction[];
  /** `*`: everything. */
  readonly resources: "*" | readonly CompiledResource[];
  readonly conditions: readonly CompiledCondition[];
}

export interface CompiledPolicies {
  readonly version: 1;
  readonly statements: readonly CompiledStatement[];
}

export interface AttachedPolicy {
  readonly policyId: number;
  readonly document: PolicyDocument;
}

/** All policies of one caller, attached to it or to its groups. The documents are as `parsePolicyDocument` answered them. */
export function compilePolicies(
  policies: readonly AttachedPolicy[],
  subject: PolicySubject,
): CompiledPolicies {
  const statements = policies.flatMap(({ policyId, document }) =>
    document.statements.map((one, statement) =>
      compileStatement(one, { policyId, statement }, subject),
    ),
  );
  // Whose resources are all of another account's says nothing.
  return { version: 1, statements: statements.filter(({ resources }) => resources.length > 0) };
}

function compileStatement(
  { effect, actions, resources, conditions }: Statement,
  name: StatementName,
  subject: PolicySubject,
): CompiledStatement {
  return {
    name,
    effect,
    actions: actions.flatMap(compileAction),
    resources: resources.includes("*") ? "*" : compileResources(resources, subject),
    conditions: conditions.map(({ operator, key, values }) => ({
      operator,
      key,
      values: values.map((value) => requireValue(operator, substitute(value, subject))),
    })),
  };
}

/** With a value less a negated operator would hold too often. */
function requireValue(operator: string, text: string): ConditionValue {
  const value = compileValue(operator, text);
  if (value === null) throw new TypeError("a condition that was never checked");
  return value;
}

function compileResources(
  resources: readonly string[],
  subject: PolicySubject,
): CompiledResource[] {
  return resources.flatMap((text) => {
    const segments = parseResource(substitute(text, subject), () => true);
    const compiled =
      typeof segments === "string" ? null : compileResource(segments, subject.account);
    return compiled === null ? [] : [compiled];
  });
}
