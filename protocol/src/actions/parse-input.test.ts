import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { unwrap } from "../errors.ts";
import { unflatten } from "../request.ts";
import { parseForm } from "../signature/form.ts";
import type { ActionDefinition } from "./definition.ts";
import { boolean, isAlias, isKeyId, members } from "./fields.ts";
import { dataKeyBytes } from "./kms/generate-data-key.ts";
import { parseInput } from "./parse-input.ts";
import { kmsActions } from "./registry.ts";

const keyId = "23e80852-1e38-11e9-b129-5cb9019b4b01";
const otherKeyId = "23e80852-1e38-11e9-b129-5cb9019b4b02";

type Name = keyof typeof kmsActions;

function parse<N extends Name>(name: N, values: Record<string, unknown>) {
  return parseInput<(typeof kmsActions)[N]>(kmsActions[name], { values, isText: false });
}

function parseText<N extends Name>(name: N, query: string) {
  const values = unflatten(parseForm(query) ?? new Map()) ?? {};
  return parseInput<(typeof kmsActions)[N]>(kmsActions[name], { values, isText: true });
}

/** The code of a refusal, whose message must name the parameter. */
function refused(result: ReturnType<typeof parse>, parameter: string): string {
  if (result.ok) return "none";
  expect(result.error.publicMessage).toContain(parameter);
  return result.error.code;
}

describe("what clients send", () => {
  test("Encrypt: bytes and context arrive decoded", () => {
    const input = unwrap(parse("Encrypt", { KeyId: keyId, Plaintext: "dGVzdA==" }));
    expect(input).toEqual({
      KeyId: keyId,
      Plaintext: new Uint8Array(Buffer.from("test")),
      EncryptionContext: Uint8Array.of(0, 0),
    });
    const withContext = { KeyId: keyId, Plaintext: "", EncryptionContext: '{"a":"b"}' };
    expect(unwrap(parse("Encrypt", withContext))).toEqual({
      KeyId: keyId,
      Plaintext: new Uint8Array(0),
      EncryptionContext: Uint8Array.of(0, 1, 0, 1, 0x61, 0, 1, 0x62),
    });
  });

  test("CreateKey: defaults are filled in", () => {
    expect(unwrap(parse("CreateKey", { Alias: "a" }))).toEqual({
      Alias: "a",
      Description: "",
      KeyUsage: "",
      Type: 1,
    });
  });

  test("numbers as text", () => {
    expect(unwrap(parse("ListKeys", { Offset: "20", Limit: "200", Role: "1" }))).toEqual({
      Offset: 20,
      Limit: 200,
      Role: 1,
    });
    expect(unwrap(parse("CreateKey", { Alias: "a", Type: "2" })).Type).toBe(2);
    const schedule = { KeyId: keyId, PendingWindowInDays: "7" };
    expect(unwrap(parse("ScheduleKeyDeletion", schedule)).PendingWindowInDays).toBe(7);
    expect(unwrap(parse("EnableKeyRotation", { KeyId: keyId })).RotateDays).toBe(365);
  });

  test("null for an absent optional parameter, at any depth", () => {
    const tags = [{ TagKey: "k", TagValue: "v", Extra: null }];
    expect(unwrap(parse("CreateKey", { Alias: "a", Description: null, Tags: tags }))).toMatchObject(
      {
        Description: "",
        Tags: [{ TagKey: "k", TagValue: "v" }],
      },
    );
    expect(unwrap(parse("DescribeKey", { KeyId: keyId, MemberAccount: null }))).toEqual({
      KeyId: keyId,
    });
  });

  test("parameters of newer clients, which are ignored", () => {
    expect(unwrap(parse("GetRegions", { Whatever: { deep: [1] } }))).toEqual({});
    expect(unwrap(parse("EnableKey", { KeyId: keyId, constructor: 1 }))).toEqual({ KeyId: keyId });
  });

  test("flattened parameters", () => {
    expect(
      unwrap(parseText("DescribeKeys", `KeyIds.0=${keyId}&KeyIds.1=${otherKeyId}`)).KeyIds,
    ).toEqual([keyId, otherKeyId]);
    const query =
      "Limit=5&KeyUsage=ALL&TagFilters.0.TagKey=env&TagFilters.0.TagValue.0=a&TagFilters.0.TagValue.1=b";
    expect(unwrap(parseText("ListKeyDetail", query))).toMatchObject({
      Limit: 5,
      KeyUsage: "ALL",
      TagFilters: [{ TagKey: "env", TagValue: ["a", "b"] }],
    });
    expect(unwrap(parseText("GetRegions", ""))).toEqual({});
  });

  test("booleans as words, but only where everything is text", () => {
    const definition: ActionDefinition = {
      ...kmsActions.GetRegions,
      input: members({
        Deep: v.optional(members({ Flags: v.array(boolean("a flag")) })),
        Flag: boolean("a flag"),
      }),
    };
    for (const [word, value] of [
      ["true", true],
      ["True", true],
      ["false", false],
      ["False", false],
    ] as const) {
      const values = { Flag: word, Deep: { Flags: [word] } };
      expect(unwrap(parseInput(definition, { values, isText: true }))).toEqual({
        Flag: value,
        Deep: { Flags: [value] },
      });
      expect(parseInput(definition, { values, isText: false })).toMatchObject({
        error: { code: "InvalidParameter" },
      });
    }
    expect(parseInput(definition, { values: { Flag: "yes" }, isText: true }).ok).toBe(false);
  });
});

describe("refusals", () => {
  const bad: [Name, Record<string, unknown>, string, string][] = [
    ["Encrypt", {}, "KeyId", "MissingParameter"],
    ["Encrypt", { KeyId: null, Plaintext: "" }, "KeyId", "MissingParameter"],
    ["Encrypt", { KeyId: keyId }, "Plaintext", "MissingParameter"],
    ["Encrypt", { KeyId: 7, Plaintext: "" }, "KeyId", "InvalidParameter"],
    ["Encrypt", { KeyId: [keyId], Plaintext: "" }, "KeyId", "InvalidParameter"],
    ["Encrypt", { KeyId: "", Plaintext: "" }, "KeyId", "InvalidParameterValue.InvalidKeyId"],
    [
      "Encrypt",
      { KeyId: "my-alias", Plaintext: "" },
      "KeyId",
      "InvalidParameterValue.InvalidKeyId",
    ],
    [
      "Encrypt",
      { KeyId: keyId.toUpperCase(), Plaintext: "" },
      "KeyId",
      "InvalidParameterValue.InvalidKeyId",
    ],
    [
      "Encrypt",
      { KeyId: keyId, Plaintext: "dGVzdA" },
      "Plaintext",
      "InvalidParameterValue.InvalidPlaintext",
    ],
    [
      "Encrypt",
      { KeyId: keyId, Plaintext: "not base64!" },
      "Plaintext",
      "InvalidParameterValue.InvalidPlaintext",
    ],
    ["Encrypt", { KeyId: keyId, Plaintext: 1 }, "Plaintext", "InvalidParameter"],
    [
      "Encrypt",
      { KeyId: keyId, Plaintext: "", EncryptionContext: "x" },
      "EncryptionContext",
      "InvalidParameter",
    ],
    [
      "Encrypt",
      { KeyId: keyId, Plaintext: "", EncryptionContext: {} },
      "EncryptionContext",
      "InvalidParameter",
    ],
    [
      "Encrypt",
      { KeyId: keyId, Plaintext: "", EncryptionContext: '{"a":1}' },
      "EncryptionContext",
      "InvalidParameter",
    ],
    ["Decrypt", {}, "CiphertextBlob", "MissingParameter"],
    [
      "Decrypt",
      { CiphertextBlob: "x", EncryptionPublicKey: "k", EncryptionAlgorithm: "RSA" },
      "EncryptionAlgorithm",
      "InvalidParameter",
    ],
    [
      "GenerateDataKey",
      { KeyId: keyId, NumberOfBytes: 1, EncryptionPublicKey: "k", EncryptionAlgorithm: "RSA" },
      "EncryptionAlgorithm",
      "InvalidParameterValue.InvalidType",
    ],
    [
      "GetDataKeyPlaintext",
      { DataKeyId: keyId, EncryptionPublicKey: "k", EncryptionAlgorithm: "RSA" },
      "EncryptionAlgorithm",
      "InvalidParameterValue.InvalidType",
    ],
    ["DescribeDataKeys", { DataKeyIds: [] }, "DataKeyIds", "InvalidParameterValue"],
    ["EnableDataKeys", { DataKeyIds: 5 }, "DataKeyIds", "InvalidParameter"],
    [
      "DisableDataKeys",
      { DataKeyIds: Array(101).fill(keyId) },
      "DataKeyIds",
      "InvalidParameterValue",
    ],
    ["ListDataKeys", { Limit: 201 }, "Limit", "InvalidParameterValue"],
    ["ListDataKeys", { Limit: "many" }, "Limit", "InvalidParameter"],
    ["ListDataKeys", { Role: 2 }, "Role", "InvalidParameterValue"],
    ["ListKeys", { Role: 2 }, "Role", "InvalidParameter"],
    [
      "ReEncrypt",
      { CiphertextBlob: "x", DestinationKeyId: "y" },
      "DestinationKeyId",
      "InvalidParameterValue.InvalidKeyId",
    ],
    ["GenerateDataKey", { KeyId: keyId }, "NumberOfBytes", "MissingParameter"],
    ["GenerateDataKey", { KeyId: keyId, KeySpec: "" }, "KeySpec", "MissingParameter"],
    [
      "GenerateDataKey",
      { KeyId: keyId, KeySpec: "AES_192" },
      "KeySpec",
      "InvalidParameterValue.InvalidType",
    ],
    ["GenerateDataKey", { KeyId: keyId, NumberOfBytes: 0 }, "NumberOfBytes", "InvalidParameter"],
    ["GenerateDataKey", { KeyId: keyId, NumberOfBytes: 1025 }, "NumberOfBytes", "InvalidParameter"],
    [
      "GenerateDataKey",
      { KeyId: keyId, KeySpec: "AES_256", IsHostedByKms: 1 },
      "DataKeyName",
      "MissingParameter",
    ],
    [
      "GenerateDataKey",
      { KeyId: keyId, KeySpec: "AES_256", IsHostedByKms: 2 },
      "IsHostedByKms",
      "InvalidParameter",
    ],
    [
      "GenerateDataKey",
      { KeyId: keyId, KeySpec: "AES_256", HsmClusterId: "c" },
      "HsmClusterId",
      "InvalidParameterValue.InvalidHsmClusterId",
    ],
    ["GenerateRandom", {}, "NumberOfBytes", "MissingParameter"],
    ["GenerateRandom", { NumberOfBytes: 0 }, "NumberOfBytes", "InvalidParameter"],
    ["GenerateRandom", { NumberOfBytes: 1025 }, "NumberOfBytes", "InvalidParameter"],
    ["GenerateRandom", { NumberOfBytes: 1.5 }, "NumberOfBytes", "InvalidParameter"],
    ["GenerateRandom", { NumberOfBytes: "ten" }, "NumberOfBytes", "InvalidParameter"],
    ["GenerateRandom", { NumberOfBytes: "" }, "NumberOfBytes", "InvalidParameter"],
    ["GenerateRandom", { NumberOfBytes: "0x10" }, "NumberOfBytes", "InvalidParameter"],
    ["GenerateRandom", { NumberOfBytes: true }, "NumberOfBytes", "InvalidParameter"],
    ["GenerateRandom", { NumberOfBytes: 2 ** 53 }, "NumberOfBytes", "InvalidParameter"],
    ["CreateKey", {}, "Alias", "MissingParameter"],
    ["CreateKey", { Alias: "" }, "Alias", "InvalidParameterValue.InvalidAlias"],
    ["CreateKey", { Alias: "KMS-x" }, "Alias", "InvalidParameterValue.InvalidAlias"],
    ["CreateKey", { Alias: "a", Type: 3 }, "Type", "InvalidParameterValue.InvalidType"],
    ["CreateKey", { Alias: "a", Type: "one" }, "Type", "InvalidParameter"],
    [
      "CreateKey",
      { Alias: "a", KeyUsage: "X" },
      "KeyUsage",
      "InvalidParameterValue.InvalidKeyUsage",
    ],
    ["CreateKey", { Alias: "a", Description: "x".repeat(1025) }, "Description", "InvalidParameter"],
    ["CreateKey", { Alias: "a", Description: "é".repeat(513) }, "Description", "InvalidParameter"],
    ["CreateKey", { Alias: "a", Description: "\ud800" }, "Description", "InvalidParameter"],
    ["CreateKey", { Alias: "a", Tags: { TagKey: "k" } }, "Tags", "InvalidParameter"],
    ["CreateKey", { Alias: "a", Tags: ["k"] }, "Tags.0", "InvalidParameter"],
    ["CreateKey", { Alias: "a", Tags: [{ TagKey: "k" }] }, "Tags.0.TagValue", "MissingParameter"],
    [
      "CreateKey",
      { Alias: "a", Tags: [{ TagKey: "", TagValue: "" }] },
      "Tags.0.TagKey",
      "InvalidParameter",
    ],
    [
      "CreateKey",
      {
        Alias: "a",
        Tags: [
          { TagKey: "k", TagValue: "1" },
          { TagKey: "k", TagValue: "2" },
        ],
      },
      "Tags",
      "InvalidParameterValue.TagKeysDuplicated",
    ],
    ["DescribeKeys", { KeyIds: [] }, "KeyIds", "InvalidParameter"],
    ["DescribeKeys", { KeyIds: keyId }, "KeyIds", "InvalidParameter"],
    ["DescribeKeys", { KeyIds: [keyId, 1] }, "KeyIds.1", "InvalidParameter"],
    ["DescribeKeys", { KeyIds: [keyId, null] }, "KeyIds.1", "MissingParameter"],
    ["DescribeKeys", { KeyIds: [keyId, "x"] }, "KeyIds.1", "InvalidParameterValue.InvalidKeyId"],
    ["DescribeKeys", { KeyIds: [keyId, keyId] }, "KeyIds", "InvalidParameterValue.DuplicatedKeyId"],
    ["DescribeKeys", { KeyIds: Array(101).fill(keyId) }, "KeyIds", "InvalidParameter"],
    ["ListKeys", { Limit: 201 }, "Limit", "InvalidParameter"],
    ["ListKeys", { Offset: -1 }, "Offset", "InvalidParameter"],
    ["ListKeys", { Role: 2 }, "Role", "InvalidParameter"],
    [
      "ListKeys",
      { HsmClusterId: "c" },
      "HsmClusterId",
      "InvalidParameterValue.InvalidHsmClusterId",
    ],
    ["ListKeyDetail", { KeyState: 6 }, "KeyState", "InvalidParameter"],
    ["ListKeyDetail", { OrderType: 2 }, "OrderType", "InvalidParameter"],
    ["ListKeyDetail", { Origin: "external" }, "Origin", "InvalidParameter"],
    [
      "ListKeyDetail",
      { TagFilters: [{ TagValue: [] }] },
      "TagFilters.0.TagKey",
      "MissingParameter",
    ],
    [
      "UpdateAlias",
      { KeyId: keyId, Alias: "no spaces" },
      "Alias",
      "InvalidParameterValue.InvalidAlias",
    ],
    ["UpdateKeyDescription", { KeyId: keyId }, "Description", "MissingParameter"],
    ["EnableKey", {}, "KeyId", "MissingParameter"],
    ["EnableKeys", { KeyIds: [] }, "KeyIds", "InvalidParameter"],
    ["DisableKeys", { KeyIds: [keyId, keyId] }, "KeyIds", "InvalidParameterValue.DuplicatedKeyId"],
    ["ScheduleKeyDeletion", { KeyId: keyId }, "PendingWindowInDays", "MissingParameter"],
    ...["6", 31, 0].map((PendingWindowInDays): [Name, Record<string, unknown>, string, string] => [
      "ScheduleKeyDeletion",
      { KeyId: keyId, PendingWindowInDays },
      "PendingWindowInDays",
      "InvalidParameter.InvalidPendingWindowInDays",
    ]),
    ...[6, 366].map((RotateDays): [Name, Record<string, unknown>, string, string] => [
      "EnableKeyRotation",
      { KeyId: keyId, RotateDays },
      "RotateDays",
      "InvalidParameterValue",
    ]),
    ["EnableKeyRotation", { KeyId: keyId, RotateDays: "x" }, "RotateDays", "InvalidParameter"],
    ["BindCloudResource", { KeyId: keyId, ProductId: "ssm" }, "ResourceId", "MissingParameter"],
    [
      "UnbindCloudResource",
      { KeyId: keyId, ProductId: "", ResourceId: "r" },
      "ProductId",
      "InvalidParameter",
    ],
    ["DisableKey", { KeyId: keyId, MemberAccount: 5 }, "MemberAccount", "InvalidParameter"],
  ];

  test.each(bad)("%s %j: %s gives %s", (name, values, parameter, code) => {
    expect(refused(parse(name, values), parameter)).toBe(code);
  });

  test("plaintext of 4096 bytes is taken, of 4097 not", () => {
    const encrypt = (bytes: number) =>
      parse("Encrypt", { KeyId: keyId, Plaintext: Buffer.alloc(bytes).toString("base64") });
    expect(encrypt(4096).ok).toBe(true);
    expect(refused(encrypt(4097), "Plaintext")).toBe("InvalidParameterValue.InvalidPlaintext");
    expect(refused(encrypt(4098), "Plaintext")).toBe("InvalidParameterValue.InvalidPlaintext");
    expect(refused(encrypt(100_000), "Plaintext")).toBe("InvalidParameterValue.InvalidPlaintext");
  });

  test("a message never repeats what was sent", () => {
    const secret = "s3cr3t-value";
    const names = Object.keys(kmsActions) as Name[];
    const parameters = [
      "KeyId",
      "Plaintext",
      "CiphertextBlob",
      "EncryptionContext",
      "EncryptionAlgorithm",
      "NumberOfBytes",
      "Alias",
      "Description",
      "KeyUsage",
      "Type",
      "Tags",
      "KeyIds",
      "Limit",
      "Origin",
      "HsmClusterId",
      "MemberAccount",
    ];
    for (const name of names) {
      for (const parameter of parameters) {
        for (const value of [secret, [secret], { [secret]: secret }, `${secret}\ud800`]) {
          const result = parse(name, {
            KeyId: keyId,
            Plaintext: "",
            Alias: "a",
            [parameter]: value,
          });
          if (!result.ok) expect(result.error.message).not.toContain(secret);
        }
      }
    }
  });
});

describe("choices between parameters", () => {
  test("EncryptionAlgorithm is only read with EncryptionPublicKey", () => {
    const Decrypt = (more: object) => parse("Decrypt", { CiphertextBlob: "x", ...more }).ok;
    expect(Decrypt({ EncryptionAlgorithm: "nonsense" })).toBe(true);
    expect(Decrypt({ EncryptionPublicKey: "", EncryptionAlgorithm: "nonsense" })).toBe(true);
    expect(Decrypt({ EncryptionPublicKey: "pem", EncryptionAlgorithm: "" })).toBe(true);
    expect(Decrypt({ EncryptionPublicKey: "pem", EncryptionAlgorithm: "RSAES_OAEP_SHA_256" })).toBe(
      true,
    );
  });

  test("NumberOfBytes wins over KeySpec", () => {
    const bytes = (more: object) =>
      dataKeyBytes(unwrap(parse("GenerateDataKey", { KeyId: keyId, ...more })));
    expect(bytes({ KeySpec: "AES_128" })).toBe(16);
    expect(bytes({ KeySpec: "AES_256" })).toBe(32);
    expect(bytes({ KeySpec: "AES_256", NumberOfBytes: 1024 })).toBe(1024);
    expect(bytes({ NumberOfBytes: "7" })).toBe(7);
  });

  test("an empty DestinationKeyId is none", () => {
    expect(parse("ReEncrypt", { CiphertextBlob: "x", DestinationKeyId: "" }).ok).toBe(true);
  });

  test("default is a cluster only where lists are filtered", () => {
    expect(parse("ListKeys", { HsmClusterId: "default" }).ok).toBe(true);
    expect(parse("CreateKey", { Alias: "a", HsmClusterId: "default" }).ok).toBe(false);
    expect(parse("CreateKey", { Alias: "a", HsmClusterId: "" }).ok).toBe(true);
  });
});

test("aliases", () => {
  for (const alias of ["a", "0", "A-b_c", "kms", "kmsx-1", "a".repeat(60)])
    expect(isAlias(alias)).toBe(true);
  for (const alias of [
    "",
    "-a",
    "_a",
    "a b",
    "a.b",
    "密",
    "a\n",
    "kms-",
    "Kms-a",
    "KMS-A",
    "a".repeat(61),
  ]) {
    expect(isAlias(alias)).toBe(false);
  }
});

test("key ids", () => {
  expect(isKeyId(keyId)).toBe(true);
  for (const id of ["", keyId.toUpperCase(), ` ${keyId}`, keyId.replaceAll("-", ""), `${keyId}0`]) {
    expect(isKeyId(id)).toBe(false);
  }
});
