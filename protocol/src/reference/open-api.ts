/**
 * The API as an OpenAPI 3.1 document. All actions are a POST to `/` and told apart by a header; OpenAPI tells operations apart
 * by path, so each stands at `/#<Action>`: whatever follows `#` never leaves a client (RFC 3986 §3.5).
 */

import type { ActionDefinition } from "../actions/definition.ts";
import { describeMembers } from "./field-doc.ts";
import { type JsonSchema, membersSchema } from "./json-schema.ts";

/** Version of the document's form; the actions carry versions of their own. */
const documentVersion = "1.0.0";

export function openApiDocument(
  actions: readonly ActionDefinition[],
): Readonly<Record<string, unknown>> {
  return {
    openapi: "3.1.0",
    info: {
      title: "edge-kms",
      version: documentVersion,
      summary: "Key management whose data plane runs at the edge.",
      description:
        "Tencent Cloud API 3.0 on the wire. Every answer has HTTP status 200; a refusal has `Response.Error`. Integers are also " +
        "accepted as decimal text, unknown parameters are ignored.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ TC3: [] }],
    tags: [...new Set(actions.map((action) => action.service))].map((name) => ({ name })),
    paths: Object.fromEntries(actions.map((action) => [`/#${action.name}`, pathOf(action)])),
    components: {
      securitySchemes: {
        TC3: {
          type: "apiKey",
          in: "header",
          name: "Authorization",
          description:
            "TC3-HMAC-SHA256 Credential=<SecretId>/<date>/<service>/tc3_request, SignedHeaders=content-type;host, Signature=<hex>",
        },
      },
      schemas: { Error: errorSchema },
    },
  };
}

const requestId: JsonSchema = {
  type: "string",
  format: "uuid",
  description: "Names the call in the audit log.",
};

const errorSchema: JsonSchema = {
  type: "object",
  properties: {
    Code: { type: "string", description: "What clients match on." },
    Message: { type: "string", description: "For people." },
  },
  required: ["Code", "Message"],
};

function pathOf(action: ActionDefinition): object {
  const answer = membersSchema(describeMembers(action.output));
  const answered = {
    ...answer,
    properties: { ...(answer.properties as object), RequestId: requestId },
    required: [...((answer.required as string[] | undefined) ?? []), "RequestId"],
  };
  const refused = {
    type: "object",
    properties: {
      Error: {
        allOf: [
          { $ref: "#/components/schemas/Error" },
          { properties: { Code: { examples: action.errors } } },
        ],
      },
      RequestId: requestId,
    },
    required: ["Error", "RequestId"],
  };
  return {
    post: {
      operationId: action.name,
      tags: [action.service],
      summary: action.summary,
      parameters: [
        header("X-TC-Action", { const: action.name }),
        header("X-TC-Version", { const: action.version }),
        header("X-TC-Timestamp", { type: "integer", description: "Unix seconds." }),
        { ...header("X-TC-Region", { type: "string" }), required: false },
      ],
      requestBody: {
        required: true,
        content: { "application/json": { schema: membersSchema(describeMembers(action.input)) } },
      },
      responses: {
        "200": {
          description: "The answer, or a refusal.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: { Response: { anyOf: [answered, refused] } },
                required: ["Response"],
              },
            },
          },
        },
      },
    },
  };
}

function header(name: string, schema: JsonSchema): object {
  return { name, in: "header", required: true, schema };
}
