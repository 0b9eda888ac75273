/**
 * Whether policies permit a call (contract §4.3): no, unless a statement allows it and none denies it. What a statement says that this
 * program does not understand counts against the caller: an "allow" with it does not match, a "deny" does.
 */

import { type ActionName, matchesAction } from "./actions.ts";
import type { CompiledPolicies, CompiledStatement, StatementName } from "./compile.ts";
import { type ConditionContext, judgeCondition } from "./conditions.ts";
import { matchesResource, type Resource } from "./resource.ts";

export interface AccessQuestion {
  readonly action: ActionName;
  /** Each must be permitted by itself: the keys of a batch, both keys of a ReEncrypt. None is permitted nothing. */
  readonly resources: readonly Resource[];
  /** What conditions see of the call. */
  readonly context: ConditionContext;
}

export interface Decision {
  readonly isAllowed: boolean;
  /** The statement that decided; null where none matched. Of several resources the one about the first that was refused. */
  readonly by: StatementName | null;
}

const unmatched: Decision = { isAllowed: false, by: null };

export function decide(policies: CompiledPolicies, question: AccessQuestion): Decision {
  const { action, resources, context } = question;
  const concerned = policies.statements.filter(({ actions }) =>
    actions.some((one) => matchesAction(one, action)),
  );
  let decision = unmatched;
  for (const resource of resources) {
    decision = decideOne(concerned, resource, context);
    if (!decision.isAllowed) return decision;
  }
  return decision;
}

function decideOne(
  statements: readonly CompiledStatement[],
  resource: Resource,
  ofCall: ConditionContext,
): Decision {
  const context = resource.context === undefined ? ofCall : { ...ofCall, ...resource.context };
  let allowing: StatementName | null = null;
  for (const statement of statements) {
    const { effect, name, resources } = statement;
    if (effect === "allow" && allowing !== null) continue;
    if (resources !== "*" && !resources.some((one) => matchesResource(one, resource))) continue;
    if (!doConditionsMatch(statement, context)) continue;
    if (effect === "deny") return { isAllowed: false, by: name };
    allowing = name;
  }
  return { isAllowed: allowing !== null, by: allowing };
}

function doConditionsMatch(
  { effect, conditions }: CompiledStatement,
  context: ConditionContext,
): boolean {
  const isUnknownAMatch = effect === "deny";
  return conditions.every((condition) => judgeCondition(condition, context) ?? isUnknownAMatch);
}
