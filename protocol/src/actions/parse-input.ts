/** Parameters of a request against the schema of its action. */

import * as v from "valibot";
import { type ErrorCode, failure, isErrorCode, type Result, success } from "../errors.ts";
import type { RequestParams } from "../request.ts";
import type { ActionDefinition, ActionInput } from "./definition.ts";
import { splitRule } from "./fields.ts";

/**
 * The input of an action. The first thing wrong decides: `MissingParameter` for a required parameter that is absent or
 * null, `InvalidParameter` for one of the wrong type, else the code of the rule that is broken. Messages name the
 * parameter and never repeat its value. Unknown parameters are ignored.
 */
export function parseInput<D extends ActionDefinition>(
  definition: D,
  params: RequestParams,
): Result<ActionInput<D>> {
  const { input } = definition;
  let values: unknown = params.isText ? wordsToBooleans(input, params.values) : params.values;
  let parsed = v.safeParse(input, values, firstOnly);
  if (!parsed.success) {
    // A null stands for an absent member. It is rare, so nobody pays for looking before it does harm.
    values = withoutNulls(values);
    parsed = v.safeParse(input, values, firstOnly);
  }
  // The cast says what the generic schema type has forgotten: the output of `input` is ActionInput<D>.
  if (parsed.success) return success(parsed.output as ActionInput<D>);
  return refusal(parsed.issues[0]);
}

const firstOnly = { abortEarly: true } as const;

function refusal(issue: v.BaseIssue<unknown>): Result<never> {
  const path = (issue.path ?? []).map((item) => String(item.key)).join(".");
  const name = path === "" ? "The parameters" : path;
  const isMissing = issue.kind === "schema" && (issue.input === undefined || issue.input === null);
  if (isMissing && path !== "") {
    return failure("MissingParameter", { message: `The required parameter ${path} is missing.` });
  }
  const broken = splitRule(issue.message);
  const code: ErrorCode =
    broken !== null && isErrorCode(broken.code) ? broken.code : "InvalidParameter";
  return failure(code, { message: `${name} ${broken?.words ?? "must be of another form"}.` });
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([name, member]) => [name, withoutNulls(member)]),
  );
}

/** What the walk below looks at: schemas of objects, arrays and wrappers show their insides. */
interface SchemaInside {
  readonly type: string;
  readonly entries?: Readonly<Record<string, SchemaInside>>;
  readonly item?: SchemaInside;
  readonly wrapped?: SchemaInside;
}

/** `true`/`false` of Node and `True`/`False` of Python, where the schema wants a boolean. */
const booleanWords = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
]);

function wordsToBooleans(schema: SchemaInside, value: unknown): unknown {
  if (schema.wrapped !== undefined) return wordsToBooleans(schema.wrapped, value);
  if (schema.type === "boolean" && typeof value === "string")
    return booleanWords.get(value) ?? value;
  const { item, entries } = schema;
  if (item !== undefined && Array.isArray(value)) {
    return value.map((member) => wordsToBooleans(item, member));
  }
  if (entries === undefined || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const inside = Object.hasOwn(entries, name) ? entries[name] : undefined;
      return [name, inside === undefined ? member : wordsToBooleans(inside, member)];
    }),
  );
}
