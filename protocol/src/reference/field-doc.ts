/**
 * What the schemas of actions tell a reader: names, types, defaults and rules of fields, as plain data. The reference pages and
 * the OpenAPI document are both written from this, and nothing else reads the inside of a schema for documentation.
 */

import type { ObjectSchema } from "../actions/definition.ts";
import { type FieldMetadata, splitRule } from "../actions/fields.ts";

export interface FieldDoc {
  readonly type: "string" | "integer" | "boolean" | "array" | "object";
  readonly description: string;
  readonly isRequired: boolean;
  /** What stands in for an absent field; undefined when nothing does. */
  readonly defaultValue: unknown;
  /** The words that a text may be, when it is one of some. */
  readonly words: readonly string[] | null;
  /** JSON Schema keywords that the field's kind carries, such as `minimum`. */
  readonly keywords: Readonly<Record<string, string | number>>;
  /** Rules beyond the type: what must hold, and the code that breaking it gives. */
  readonly rules: readonly { readonly code: string; readonly words: string }[];
  /** Of an array: what each item is. */
  readonly item: FieldDoc | null;
  /** Of an object: its members by name. */
  readonly members: Readonly<Record<string, FieldDoc>> | null;
}

/** A schema's inside, as far as it is looked at. */
interface Inside {
  readonly kind: string;
  readonly type: string;
  readonly wrapped?: Inside;
  readonly default?: unknown;
  readonly pipe?: readonly Inside[];
  readonly item?: Inside;
  readonly entries?: Readonly<Record<string, Inside>>;
  readonly options?: readonly string[];
  readonly description?: string;
  readonly metadata?: FieldMetadata;
  readonly message?: unknown;
}

const types: Readonly<Record<string, FieldDoc["type"]>> = {
  string: "string",
  picklist: "string",
  // `integer()` and answers of numbers: the API has no fractions.
  custom: "integer",
  number: "integer",
  boolean: "boolean",
  array: "array",
  object: "object",
};

/** The members of an input or output, in the order of the schema. */
export function describeMembers(schema: ObjectSchema): Readonly<Record<string, FieldDoc>> {
  return describe(schema as unknown as Inside).members ?? {};
}

/** @throws TypeError for a kind of schema that no field has: whoever brings one teaches it to this table. */
function describe(schema: Inside): FieldDoc {
  if (schema.type === "optional" && schema.wrapped !== undefined) {
    return { ...describe(schema.wrapped), isRequired: false, defaultValue: schema.default };
  }
  const type = types[schema.type];
  if (type === undefined) throw new TypeError(`no documentation for a schema of ${schema.type}`);
  const steps = stepsOf(schema);
  const find = (kind: string): Inside | undefined => steps.findLast((step) => step.type === kind);
  const rules = steps.flatMap((step) => {
    // The message of a plain schema is about the type, which the reader is told in any case.
    const isRule = step.kind === "validation" || step.type === "picklist";
    const message = isRule ? step.message : step.metadata?.rule;
    const rule = typeof message === "string" ? splitRule(message) : null;
    return rule === null ? [] : [rule];
  });
  const { item, entries } = schema;
  return {
    type,
    description: find("description")?.description ?? "",
    isRequired: true,
    defaultValue: undefined,
    words: find("picklist")?.options?.filter((word) => word !== "") ?? null,
    keywords: find("metadata")?.metadata?.jsonSchema ?? {},
    // The lower and the upper bound of a list are one sentence.
    rules: rules.filter((one, n) => rules.findIndex((other) => other.words === one.words) === n),
    item: item === undefined ? null : describe(item),
    members:
      entries === undefined
        ? null
        : Object.fromEntries(Object.entries(entries).map(([name, one]) => [name, describe(one)])),
  };
}

/** The steps of a schema's pipe, pipes inside pipes laid flat; the schema itself is the first. */
function stepsOf(schema: Inside): readonly Inside[] {
  if (schema.pipe === undefined) return [schema];
  return schema.pipe.flatMap((step) => (step.kind === "schema" ? stepsOf(step) : [step]));
}
