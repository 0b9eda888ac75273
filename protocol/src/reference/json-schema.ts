/** Fields as JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1). */

import type { FieldDoc } from "./field-doc.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

export function fieldSchema(field: FieldDoc): JsonSchema {
  const words = field.rules.map((rule) => ` ${capital(rule.words)}.`);
  const description = `${field.description}${words.join("")}`;
  return {
    ...(field.members === null ? { type: field.type } : membersSchema(field.members)),
    ...(description === "" ? {} : { description }),
    ...(field.item === null ? {} : { items: fieldSchema(field.item) }),
    ...(field.words === null ? {} : { enum: allowed(field) }),
    ...field.keywords,
    ...(field.defaultValue === undefined ? {} : { default: field.defaultValue }),
  };
}

/** An object of these members. Others are ignored on the way in, and may come with time on the way out. */
export function membersSchema(members: Readonly<Record<string, FieldDoc>>): JsonSchema {
  const required = Object.keys(members).filter((name) => members[name]?.isRequired);
  return {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(members).map(([name, field]) => [name, fieldSchema(field)]),
    ),
    ...(required.length === 0 ? {} : { required }),
  };
}

/** An absent optional field may also be sent empty where its default is that. */
function allowed({ words, defaultValue }: FieldDoc): readonly string[] {
  return defaultValue === "" ? ["", ...(words ?? [])] : (words ?? []);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
