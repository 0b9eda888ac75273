/**
 * The pages under docs/reference are what the schemas say today. After a change of a schema write them anew:
 * `npm test -- protocol/src/reference/reference.test.ts -u`.
 */

import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { kmsActions, listActions } from "../actions/registry.ts";
import { services } from "../services.ts";
import { describeMembers } from "./field-doc.ts";
import { openApiDocument } from "./open-api.ts";
import { actionPage, indexPage } from "./page.ts";

const folder = fileURLToPath(new URL("../../../docs/reference", import.meta.url));
const actions = listActions();

describe("the reference pages", () => {
  test.each(actions.map((action) => [action.name, action] as const))("%s", async (name, action) => {
    await expect(actionPage(action)).toMatchFileSnapshot(`${folder}/${action.service}/${name}.md`);
  });

  test.each(Object.keys(services))(
    "list every action of %s, and no page is of none",
    async (of) => {
      const own = actions.filter(({ service }) => service === of);
      await expect(indexPage(of, own)).toMatchFileSnapshot(`${folder}/${of}/README.md`);
      const pages = [...own.map(({ name }) => `${name}.md`), "README.md"];
      // What this run writes is not there before its end.
      const there = existsSync(`${folder}/${of}`) ? readdirSync(`${folder}/${of}`) : [];
      for (const file of there) expect(pages).toContain(file);
    },
  );
});

describe("the OpenAPI document", () => {
  const document = openApiDocument(actions);

  test("is valid OpenAPI 3.1", async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  test("has one operation for each action, told apart by its header", () => {
    const paths = document.paths as Record<
      string,
      { post: { operationId: string; parameters: { name: string; schema: { const?: string } }[] } }
    >;
    const operations = Object.values(paths).map(({ post }) => post);
    expect(operations.map(({ operationId }) => operationId)).toEqual(actions.map((a) => a.name));
    for (const { operationId, parameters } of operations) {
      const header = parameters.find(({ name }) => name === "X-TC-Action");
      expect(header?.schema.const).toBe(operationId);
    }
  });
});

describe("the description of fields", () => {
  test("names requirement, default, bounds, words and the codes of rules", () => {
    const { Alias, Type, KeyUsage, Tags } = describeMembers(kmsActions.CreateKey.input);
    expect(Alias).toMatchObject({ type: "string", isRequired: true, defaultValue: undefined });
    expect(Alias?.rules.map(({ code }) => code)).toEqual(["InvalidParameterValue.InvalidAlias"]);
    expect(Type).toMatchObject({ type: "integer", isRequired: false, defaultValue: 1 });
    expect(Type?.keywords).toEqual({ minimum: 1, maximum: 2 });
    expect(KeyUsage?.words).toContain("ENCRYPT_DECRYPT");
    expect(Tags?.item?.members?.TagKey).toMatchObject({ type: "string", isRequired: true });
  });

  test("every field of every action has a description", () => {
    for (const { name, input, output } of actions) {
      for (const schema of [input, output]) {
        for (const [field, { description }] of Object.entries(describeMembers(schema))) {
          expect(description, `${name}.${field}`).not.toBe("");
        }
      }
    }
  });
});
