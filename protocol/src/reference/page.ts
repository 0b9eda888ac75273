/** The reference in Markdown: a page for each action, and one that lists them. */

import type { ActionDefinition } from "../actions/definition.ts";
import { mayRetry, publicMessageOf } from "../errors.ts";
import { describeMembers, type FieldDoc } from "./field-doc.ts";

/** One action: parameters, answer, error codes. */
export function actionPage(action: ActionDefinition): string {
  const served = action.plane === "data" ? "at the edge" : "by the control plane";
  const checked =
    action.granularity === "resource" ? "on the keys that it names" : "on the operation as a whole";
  return [
    `# ${action.name}`,
    action.summary,
    `Service \`${action.service}\`, version \`${action.version}\`. A ${action.kind}, served ${served}. Permission is checked ${checked}.`,
    "## Parameters",
    inputTable(describeMembers(action.input)),
    "## Answer",
    outputTable(describeMembers(action.output)),
    "## Errors",
    errorTable(action),
  ]
    .join("\n\n")
    .concat("\n");
}

/** All actions of a service, in alphabetical order. */
export function indexPage(service: string, actions: readonly ActionDefinition[]): string {
  const rows = actions.map(
    ({ name, plane, summary }) =>
      `| [${name}](${name}.md) | ${plane === "data" ? "edge" : "control plane"} | ${summary} |`,
  );
  return [
    `# Actions of ${service}`,
    "Written from the schemas that the code itself reads. The same as OpenAPI 3.1: `GET /openapi.json` at the control plane.",
    [
      "Every action may also answer `InternalError`, `MissingParameter` for a required parameter that is absent, `InvalidParameter` for one",
      "of the wrong type, and the codes of the request's envelope: `AuthFailure.*`, `InvalidAction`, `NoSuchVersion`,",
      "`RequestLimitExceeded`, `RequestSizeLimitExceeded`, `UnsupportedRegion`.",
    ].join("\n"),
    ["| action | served by | |", "|---|---|---|", ...rows].join("\n"),
  ]
    .join("\n\n")
    .concat("\n");
}

function inputTable(members: Readonly<Record<string, FieldDoc>>): string {
  const rows = flatten(members).map(({ path, field }) => {
    const words = field.rules.map(({ code, words }) => ` ${capital(words)}, else \`${code}\`.`);
    const need = field.isRequired ? "yes" : "no";
    return `| \`${path}\` | ${typeOf(field)} | ${need} | ${cell(field.description + words.join(""))} |`;
  });
  return rows.length === 0
    ? "None."
    : ["| name | type | required | |", "|---|---|---|---|", ...rows].join("\n");
}

function outputTable(members: Readonly<Record<string, FieldDoc>>): string {
  const rows = flatten(members).map(({ path, field }) => {
    const sometimes = field.isRequired ? "" : " Not always there.";
    return `| \`${path}\` | ${typeOf(field)} | ${cell(field.description + sometimes)} |`;
  });
  const id = "| `RequestId` | string | Names the call in the audit log. |";
  return ["| name | type | |", "|---|---|---|", ...rows, id].join("\n");
}

function errorTable({ errors }: ActionDefinition): string {
  if (errors.length === 0) return "None of its own.";
  const rows = errors.map(
    (code) => `| \`${code}\` | ${publicMessageOf(code)} | ${mayRetry(code) ? "yes" : "no"} |`,
  );
  return ["| code | | worth sending again |", "|---|---|---|", ...rows].join("\n");
}

/** Fields with the fields inside them: `Tags[].TagKey`. */
function flatten(
  members: Readonly<Record<string, FieldDoc>>,
  prefix = "",
): { readonly path: string; readonly field: FieldDoc }[] {
  return Object.entries(members).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const inside = field.item?.members ?? field.members;
    const separator = field.item === null ? "." : "[].";
    return [
      { path, field },
      ...(inside === undefined || inside === null ? [] : flatten(inside, `${path}${separator}`)),
    ];
  });
}

function typeOf(field: FieldDoc): string {
  return field.item === null ? field.type : `array of ${field.item.type}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
