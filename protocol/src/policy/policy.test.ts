/** The rules of the contract's §4.2 to §4.5, a row for each. */

import { describe, expect, it, test } from "vitest";
import { listActions } from "../actions/registry.ts";
import type { Catalog } from "./actions.ts";
import { type AttachedPolicy, compilePolicies } from "./compile.ts";
import { type ConditionContext, operatorNames } from "./conditions.ts";
import { maxPolicyDocumentLength, parsePolicyDocument } from "./document.ts";
import { decide } from "./evaluate.ts";
import { presetPolicies } from "./presets.ts";
import type { Resource } from "./resource.ts";

const OWNER = "100000000001";
const SUB = "100000000777";
const OTHER = "100000000002";
const subject = { account: OWNER, appId: 1250000001, uin: SUB };
const kms = listActions()
  .filter(({ service }) => service === "kms")
  .map(({ name }) => name);
const catalog: Catalog = new Map([
  ["kms", kms],
  ["cam", ["AddUser", "ListUsers", "CreateAccessKey", "DeleteAccessKey"]],
  ["cloudaudit", ["DescribeEvents"]],
]);

type Written = {
  effect?: unknown;
  action?: unknown;
  resource?: unknown;
  condition?: unknown;
};
const written = (...statements: Written[]) =>
  JSON.stringify({
    version: "2.0",
    statement: statements.map((one) => ({
      effect: "allow",
      action: "*",
      resource: "*",
      ...one,
    })),
  });
const attached = (document: string, policyId = 1): AttachedPolicy => {
  const parsed = parsePolicyDocument(document, catalog);
  if (!parsed.ok) throw parsed.error;
  return { policyId, document: parsed.value };
};

const key = (id = "k1", region = "ap-guangzhou", creator = OWNER): Resource => ({
  service: "kms",
  region,
  owner: OWNER,
  path: `key/creatorUin/${creator}/${id}`,
});
const allKeys = (region = "ap-guangzhou"): Resource => ({
  service: "kms",
  region,
  owner: OWNER,
  path: "key/*",
});

type Asked = { action?: string; resources?: readonly Resource[]; context?: ConditionContext };
function ask(documents: string | readonly string[], asked: Asked = {}) {
  const [service = "", name = ""] = (asked.action ?? "kms:Encrypt").split(":");
  const policies = [documents].flat().map((document, n) => attached(document, n + 1));
  const compiled = compilePolicies(policies, subject);
  // What travels is JSON.
  return decide(JSON.parse(JSON.stringify(compiled)), {
    action: { service, name },
    resources: asked.resources ?? [key()],
    context: asked.context ?? {},
  });
}
const isAllowed = (documents: string | readonly string[], asked: Asked = {}) =>
  ask(documents, asked).isAllowed;

describe("evaluation", () => {
  it("denies what no statement allows", () => {
    expect(ask([])).toEqual({ isAllowed: false, by: null });
    expect(ask(written({ action: "kms:Decrypt" }))).toEqual({ isAllowed: false, by: null });
  });

  it("lets deny win, in whatever order and policy", () => {
    const allow = written({});
    const deny = written({ effect: "deny", action: "kms:Encrypt" });
    expect(ask([allow, deny])).toEqual({
      isAllowed: false,
      by: { policyId: 2, statement: 0 },
    });
    expect(isAllowed([deny, allow])).toBe(false);
    expect(isAllowed(written({}, { effect: "deny", action: "kms:Decrypt" }))).toBe(true);
  });

  it("says which statement decides", () => {
    expect(ask(["kms:Decrypt", "kms:Enc*", "*"].map((action) => written({ action })))).toEqual({
      isAllowed: true,
      by: { policyId: 2, statement: 0 },
    });
    expect(ask(written({ action: "kms:Decrypt" }, { action: "kms:Encrypt" })).by).toEqual({
      policyId: 1,
      statement: 1,
    });
  });

  it("wants every key of a batch, and permits nothing of none", () => {
    const one = written({ resource: `qcs::kms::uin/${OWNER}:key/creatorUin/${OWNER}/k1` });
    expect(isAllowed(one, { resources: [key("k1")] })).toBe(true);
    expect(isAllowed(one, { resources: [key("k1"), key("k2")] })).toBe(false);
    expect(isAllowed(one, { resources: [] })).toBe(false);
  });
});

describe("actions", () => {
  test.each<[unknown, string, boolean]>([
    ["*", "kms:Encrypt", true],
    ["*", "cam:AddUser", true],
    ["kms:*", "kms:Encrypt", true],
    ["kms:*", "cam:AddUser", false],
    ["name/kms:*", "kms:Encrypt", true],
    ["name/kms:Encrypt", "kms:Encrypt", true],
    ["KMS:Encrypt", "kms:Encrypt", true],
    ["kms:Describe*", "kms:DescribeKey", true],
    ["kms:Describe*", "kms:Encrypt", false],
    ["kms:*rypt", "kms:Encrypt", true],
    ["kms:*rypt", "kms:ReEncrypt", true],
    ["kms:Encrypt", "kms:ReEncrypt", false],
    [["kms:Decrypt", "kms:Encrypt"], "kms:Encrypt", true],
    ["kms:ListKey", "kms:ListKeys", true],
    ["kms:ListKey", "kms:ListKeyDetail", false],
    ["kms:GetKeyAttributes", "kms:DescribeKey", true],
    ["kms:GetKeyAttributes", "kms:DescribeKeys", true],
    ["kms:SetKeyAttributes", "kms:UpdateAlias", true],
    ["kms:SetKeyAttributes", "kms:UpdateKeyDescription", true],
    ["cam:CreateApiKey", "cam:CreateAccessKey", true],
    ["cam:DeleteApiKey", "cam:DeleteAccessKey", true],
    ["k*:Encrypt", "kms:Encrypt", true],
  ])("%j and %s: %s", (action, asked, expected) => {
    expect(isAllowed(written({ action }), { action: asked })).toBe(expected);
  });
});

describe("resources", () => {
  const of = (path: string, region = "", account = `uin/${OWNER}`) =>
    `qcs::kms:${region}:${account}:${path}`;
  test.each<[unknown, Resource, boolean]>([
    ["*", key(), true],
    [of("key/*"), key(), true],
    [of("key/*"), allKeys(), true],
    [of("*"), allKeys(), true],
    [of(`key/creatorUin/${OWNER}/*`), key(), true],
    [of(`key/creatorUin/${OWNER}/*`), key("k1", "ap-guangzhou", SUB), false],
    [of(`key/creatorUin/${OWNER}/k1`), key("k1"), true],
    [of(`key/creatorUin/${OWNER}/k1`), key("k10"), false],
    [of(`key/creatorUin/${OWNER}/k1`), allKeys(), false],
    [of(`key/creatorUin/${OWNER}/*`), allKeys(), false],
    [of("key/*", "ap-guangzhou"), key(), true],
    [of("key/*", "ap-beijing"), key(), false],
    [of("key/*", "ap-*"), key(), true],
    [of("key/*", "", ""), key(), true],
    [of("key/*", "", "uin/"), key(), true],
    [of("key/*", "", `uin/${OTHER}`), key(), false],
    [of("key/*", "", `uin/\${owner_uin}`), key(), true],
    [of(`key/creatorUin/\${uin}/*`), key("k1", "ap-guangzhou", SUB), true],
    [of(`key/creatorUin/\${uin}/*`), key(), false],
    [of(`key/creatorUin/\${app_id}/*`), key("k1", "ap-guangzhou", "1250000001"), true],
    [`qcs:::ap-guangzhou::key/*`, key(), true],
    [`qcs::cam::uin/${OWNER}:key/*`, key(), false],
    [[of("key/x"), of(`key/creatorUin/${OWNER}/k1`)], key(), true],
  ])("%j about %o: %s", (resource, about, expected) => {
    expect(isAllowed(written({ resource }), { resources: [about] })).toBe(expected);
    // A deny reaches what an allow of the same words reaches.
    const denied = isAllowed([written({}), written({ effect: "deny", resource })], {
      resources: [about],
    });
    expect(denied).toBe(!expected);
  });
});

describe("conditions", () => {
  const noon = "2026-11-28T12:00:00Z";
  const request: ConditionContext = {
    "qcs:ip": "10.217.182.3",
    "qcs:current_time": noon,
    "qcs:resource_tag": ["team&red", "stage&test"],
    "qcs:create_uin": SUB,
  };
  const tag = "qcs:resource_tag";
  const ip = "qcs:ip";
  const time = "qcs:current_time";
  const creator = "qcs:create_uin";
  const absent = "qcs:request_tag";

  test.each<[string, string, unknown, boolean]>([
    ["string_equal", creator, SUB, true],
    ["string_equal", creator, [OWNER, SUB], true],
    ["string_equal", creator, `\${uin}`, true],
    ["string_equal", creator, OWNER, false],
    ["string_not_equal", creator, OWNER, true],
    ["string_not_equal", creator, [OWNER, SUB], false],
    ["string_equal", tag, "team&red", true],
    ["string_equal", tag, "team&RED", false],
    ["string_equal_ignore_case", tag, "TEAM&Red", true],
    ["string_not_equal_ignore_case", tag, "TEAM&Red", false],
    ["string_not_equal_ignore_case", tag, "team&blue", true],
    ["string_like", tag, "team&*", true],
    ["string_like", tag, "group&*", false],
    ["string_not_like", tag, "group&*", true],
    ["string_not_like", tag, "stage&*", false],
    ["for_any_value:string_equal", tag, ["team&red", "team&blue"], true],
    ["for_all_value:string_equal", tag, ["team&red"], false],
    ["for_all_value:string_equal", tag, ["team&red", "stage&test", "x&y"], true],
    ["for_any_value:string_not_equal", tag, "team&red", true],
    ["for_all_value:string_not_equal", tag, "team&red", false],
    ["string_equal", absent, "a&b", false],
    ["string_not_equal", absent, "a&b", false],
    ["string_equal_if_exist", absent, "a&b", true],
    ["string_equal_if_exist", tag, "a&b", false],
    ["for_all_value:string_equal_if_exist", absent, "a&b", true],
    ["for_all_value:string_equal", absent, "a&b", false],
    ["numeric_equal", creator, SUB, true],
    ["numeric_equal", creator, `${SUB}.0`, true],
    ["numeric_not_equal", creator, "1", true],
    ["numeric_less_than", creator, "100000000778", true],
    ["numeric_less_than", creator, SUB, false],
    ["numeric_less_than_equal", creator, SUB, true],
    ["numeric_greater_than", creator, "-3", true],
    ["numeric_greater_than", creator, SUB, false],
    ["numeric_greater_than_equal", creator, SUB, true],
    ["date_equal", time, noon, true],
    ["date_equal", time, "2026-11-28T12:00:00.000Z", true],
    ["date_not_equal", time, noon, false],
    ["date_less_than", time, "2026-11-28T12:00:01Z", true],
    ["date_less_than", time, noon, false],
    ["date_less_than_equal", time, noon, true],
    ["date_greater_than", time, "2026-11-28T11:59:59Z", true],
    ["date_greater_than_equal", time, "2026-11-28T12:00:01Z", false],
    ["bool_equal_if_exist", absent, "true", true],
    ["binary_equal_if_exist", absent, "AAEC", true],
    ["ip_equal", ip, "10.217.182.3", true],
    ["ip_equal", ip, "10.217.182.3/24", true],
    ["ip_equal", ip, "10.217.183.0/24", false],
    ["ip_equal", ip, ["192.168.0.0/16", "10.0.0.0/8"], true],
    ["ip_equal", ip, "::ffff:10.217.182.3", true],
    ["ip_equal", ip, "2001:db8::/32", false],
    ["ip_equal", ip, "0.0.0.0/0", true],
    ["ip_not_equal", ip, "10.0.0.0/8", false],
    ["ip_not_equal", ip, ["192.168.0.0/16", "172.16.0.0/12"], true],
    ["null_equal", absent, "true", true],
    ["null_equal", absent, "false", false],
    ["null_equal", tag, "false", true],
    ["null_equal", tag, "true", false],
  ])("%s %s %j: %s", (operator, name, value, expected) => {
    const condition = { [operator]: { [name]: value } };
    expect(isAllowed(written({ condition }), { context: request })).toBe(expected);
  });

  it("must all hold", () => {
    const good = { [ip]: "10.0.0.0/8" };
    const bad = { [ip]: "192.168.0.0/16" };
    const allows = (condition: object) =>
      isAllowed(written({ condition }), { context: { ...request } });
    expect(allows({ ip_equal: good, string_equal: { [creator]: SUB } })).toBe(true);
    expect(allows({ ip_equal: good, string_equal: { [creator]: OWNER } })).toBe(false);
    expect(allows({ string_equal: { [creator]: SUB, [tag]: "team&red" } })).toBe(true);
    expect(allows({ string_equal: { [creator]: SUB, [tag]: "team&blue" } })).toBe(false);
    expect(allows({ ip_equal: bad, ip_not_equal: good })).toBe(false);
  });

  it("see each resource's own tags", () => {
    const red = written({ condition: { string_equal: { [tag]: "team&red" } } });
    const tagged = (value: string): Resource => ({ ...key(), context: { [tag]: [value] } });
    expect(isAllowed(red, { resources: [tagged("team&red")] })).toBe(true);
    expect(isAllowed(red, { resources: [tagged("team&red"), tagged("team&blue")] })).toBe(false);
  });

  it("that are not understood count against the caller", () => {
    const compiled = (effect: string, operator: string, name: string, context: object = request) =>
      decide(
        {
          version: 1,
          statements: [
            ...compilePolicies([attached(written({}))], subject).statements,
            {
              name: { policyId: 9, statement: 0 },
              effect: effect as "allow",
              actions: [{ service: ["kms"], name: ["Encrypt"] }],
              resources: "*",
              conditions: [{ operator, key: name, values: ["x"] }],
            },
          ].slice(effect === "allow" ? 1 : 0) as never,
        },
        { action: { service: "kms", name: "Encrypt" }, resources: [key()], context },
      ).isAllowed;
    for (const [operator, name] of [
      ["string_resembles", creator],
      ["string_equal", "qcs:weather"],
      ["string_equal_if_exist", "qcs:weather"],
      ["for_most_values:string_equal", creator],
    ] as const) {
      expect(compiled("allow", operator, name)).toBe(false);
      expect(compiled("deny", operator, name)).toBe(false);
    }
    // A value of the request that is not of the operator's kind.
    const elsewhere = { "qcs:ip": "nowhere" };
    const from = (effect: string) =>
      written({ effect, condition: { ip_equal: { [ip]: "10.0.0.0/8" } } });
    expect(isAllowed(from("allow"), { context: elsewhere })).toBe(false);
    expect(isAllowed([written({}), from("deny")], { context: elsewhere })).toBe(false);
    const notFrom = written({ condition: { ip_not_equal: { [ip]: "10.0.0.0/8" } } });
    expect(isAllowed(notFrom, { context: elsewhere })).toBe(false);
  });
});

describe("documents", () => {
  const codeOf = (text: string) => {
    const parsed = parsePolicyDocument(text, catalog);
    return parsed.ok ? "good" : parsed.error.code.replace("InvalidParameter.", "");
  };
  const resource = (text: string) => written({ resource: text });
  const condition = (value: unknown) => written({ condition: value });
  const at = "qcs:ip";

  test.each<[string, string]>([
    [written({}), "good"],
    [written({ condition: {} }), "good"],
    ["", "PolicyDocumentError"],
    ["[]", "PolicyDocumentError"],
    ["{", "PolicyDocumentError"],
    [`{"version":"2.0","statement":[],"more":1}`, "PolicyDocumentError"],
    [`{"version":"2.0","version":"2.0","statement":[]}`, "PolicyDocumentError"],
    [
      `{"version":"2.0","statement":[{"effect":"deny","\\u0065ffect":"allow","action":"*","resource":"*"}]}`,
      "PolicyDocumentError",
    ],
    [" ".repeat(maxPolicyDocumentLength + 1), "PolicyDocumentLengthOverLimit"],
    [`{"statement":[]}`, "VersionError"],
    [`{"version":2.0,"statement":[]}`, "VersionError"],
    [`{"version":"1.0","statement":[]}`, "VersionError"],
    [`{"version":"2.0"}`, "StatementError"],
    [`{"version":"2.0","statement":[]}`, "StatementError"],
    [`{"version":"2.0","statement":{}}`, "StatementError"],
    [`{"version":"2.0","statement":["x"]}`, "StatementError"],
    [written({ sid: "x" } as Written), "StatementError"],
    [`{"version":"2.0","principal":"*","statement":[]}`, "PrincipalError"],
    [written({ principal: "*" } as Written), "PrincipalError"],
    [written({ effect: "Allow" }), "EffectError"],
    [written({ effect: undefined }), "EffectError"],
    [written({ action: undefined }), "ActionMiss"],
    [written({ action: [] }), "ActionError"],
    [written({ action: [7] }), "ActionError"],
    [written({ action: "Encrypt" }), "ActionError"],
    [written({ action: "kms:Encrypt:x" }), "ActionError"],
    [written({ action: "kmss:Encrypt" }), "ActionServiceNotExist"],
    [written({ action: "kms:encrypt" }), "ActionNotExist"],
    [written({ action: "kms:Encode*" }), "ActionNotExist"],
    [written({ action: ["kms:Encrypt", "kms:constructor"] }), "ActionNotExist"],
    [written({ resource: undefined }), "ResourceError"],
    [written({ resource: [] }), "ResourceError"],
    [written({ resource: "" }), "ResourceError"],
    [resource("key/1"), "ResourceQcsError"],
    [resource("qcs::kms"), "ResourceContentError"],
    [resource("qcs::kms::uin/1:"), "ResourceContentError"],
    [resource("qcs:p:kms::uin/1:key/*"), "ResourceProjectError"],
    [resource("qcs::kmss::uin/1:key/*"), "ResourceServiceNotExist"],
    [resource("qcs::kms:Guangzhou:uin/1:key/*"), "ResourceRegionError"],
    [resource("qcs::kms::uid/1:key/*"), "ResourceUinError"],
    [resource("qcs::kms::uin/*:key/*"), "ResourceUinError"],
    [resource(`qcs::kms::uin/1:key/\${user}/*`), "ResourceContentError"],
    [condition([]), "ConditionError"],
    [condition({ ip_equal: "10.0.0.0/8" }), "ConditionError"],
    [condition({ ip_equal: {} }), "ConditionError"],
    [condition({ ip_resembles: { [at]: "10.0.0.0/8" } }), "ConditionTypeError"],
    [condition({ constructor: { [at]: "10.0.0.0/8" } }), "ConditionTypeError"],
    [condition({ ip_equal: { "qcs:IP": "10.0.0.0/8" } }), "ConditionContentError"],
    [condition({ ip_equal: { [at]: [] } }), "ConditionContentError"],
    [condition({ ip_equal: { [at]: 7 } }), "ConditionContentError"],
    [condition({ ip_equal: { [at]: "10.0.0.0/33" } }), "ConditionContentError"],
    [condition({ ip_equal: { [at]: "10.0.0.256" } }), "ConditionContentError"],
    [condition({ ip_equal: { [at]: "010.0.0.1" } }), "ConditionContentError"],
    [condition({ numeric_equal: { [at]: "1e3" } }), "ConditionContentError"],
    [condition({ date_equal: { [at]: "2026-02-30T00:00:00Z" } }), "ConditionContentError"],
    [condition({ date_equal: { [at]: "2026-11-28" } }), "ConditionContentError"],
    [condition({ bool_equal: { [at]: "yes" } }), "ConditionContentError"],
    [condition({ binary_equal: { [at]: "A" } }), "ConditionContentError"],
    [condition({ string_equal: { [at]: `\${user}` } }), "ConditionContentError"],
  ])("%s: %s", (text, expected) => {
    expect(codeOf(text)).toBe(expected);
  });

  it("take every operator", () => {
    const values: Record<string, string> = { date: "2026-11-28T12:00:00Z", ip: "::1", string: "x" };
    for (const operator of operatorNames) {
      const kind = operator.split("_")[0] ?? "";
      const value =
        values[kind] ?? (kind === "numeric" ? "1" : kind === "binary" ? "AA==" : "true");
      for (const spelling of [operator, `${operator}_if_exist`, `for_any_value:${operator}`]) {
        expect(codeOf(condition({ [spelling]: { [at]: value } }))).toBe("good");
      }
    }
  });

  it("say where they are not valid, and repeat nothing of it", () => {
    const parsed = parsePolicyDocument(written({}, { action: ["*", "kms:TopSecret"] }), catalog);
    expect(parsed).toMatchObject({
      ok: false,
      error: { publicMessage: "The policy document is not valid at statement[1].action[1]." },
    });
  });
});

describe("presets", () => {
  const preset = (name: string) =>
    presetPolicies.find((policy) => policy.name === name)?.document ?? "";
  const yielding = ["Decrypt", "Encrypt", "GenerateDataKey", "GetDataKeyPlaintext", "ReEncrypt"];

  it("read and use nothing but what they say", () => {
    for (const name of kms) {
      const asked = { action: `kms:${name}` };
      expect(isAllowed(preset("QcloudKMSFullAccess"), asked)).toBe(true);
      expect(isAllowed(preset("AdministratorAccess"), asked)).toBe(true);
    }
    expect(isAllowed(preset("QcloudKMSFullAccess"), { action: "cam:AddUser" })).toBe(false);
    expect(isAllowed(preset("AdministratorAccess"), { action: "cam:AddUser" })).toBe(true);
    const writing = listActions().filter(
      ({ service, kind }) => service === "kms" && kind === "write",
    );
    for (const name of [...yielding, ...writing.map((action) => action.name)]) {
      expect(isAllowed(preset("QcloudKMSReadOnlyAccess"), { action: `kms:${name}` })).toBe(false);
    }
    for (const name of ["DescribeKey", "ListKeys", "GetPublicKey", "GetRegions"]) {
      expect(isAllowed(preset("QcloudKMSReadOnlyAccess"), { action: `kms:${name}` })).toBe(true);
    }
  });
});
