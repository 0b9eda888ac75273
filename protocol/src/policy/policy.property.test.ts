/** The evaluation beside a second one that was written for this test alone: slow, literal, on the documents as they are written. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { compilePolicies } from "./compile.ts";
import { parsePolicyDocument } from "./document.ts";
import { decide } from "./evaluate.ts";
import { hasRepeatedMember } from "./json-members.ts";
import { compilePattern, matchesPattern } from "./pattern.ts";

const OWNER = "1001";
const SUB = "1007";
const subject = { account: OWNER, appId: 125, uin: SUB };
const catalog = new Map([
  ["kms", ["Encrypt", "Decrypt", "ReEncrypt", "DescribeKey", "DescribeKeys", "ListKeys"]],
  ["cam", ["AddUser"]],
]);

type Condition = Record<string, Record<string, string[]>>;
type Statement = {
  effect: "allow" | "deny";
  action: string[];
  resource: string[];
  condition: Condition;
};
type Question = {
  service: string;
  name: string;
  region: string;
  path: string;
  context: { "qcs:ip"?: string; "qcs:resource_tag"?: string[] };
};

/** As the contract's sentences go. */
function naive(documents: readonly Statement[][], asked: Question): boolean {
  const all = documents.flat().filter((statement) => naiveMatch(statement, asked));
  if (all.some(({ effect }) => effect === "deny")) return false;
  return all.some(({ effect }) => effect === "allow");
}

function naiveMatch(statement: Statement, asked: Question): boolean {
  const isAction = statement.action.some((text) => {
    if (text === "*") return true;
    const [service = "", name = ""] = text.replace(/^name\//, "").split(":");
    return star(service.toLowerCase(), asked.service) && star(name, asked.name);
  });
  const isResource = statement.resource.some((text) => {
    if (text === "*") return true;
    const filled = text.replaceAll(`\${uin}`, SUB).replaceAll(`\${owner_uin}`, OWNER);
    const [, , service = "", region = "", account = "", ...path] = filled.split(":");
    return (
      (service === "" || star(service, asked.service)) &&
      (region === "" || star(region, asked.region)) &&
      ["", "uin/", `uin/${OWNER}`].includes(account) &&
      star(path.join(":"), asked.path)
    );
  });
  const isCondition = Object.entries(statement.condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => naiveCondition(operator, key, values, asked)),
  );
  return isAction && isResource && isCondition;
}

function naiveCondition(operator: string, key: string, values: string[], asked: Question): boolean {
  const given = [asked.context[key as "qcs:ip"] ?? []].flat();
  if (operator === "null_equal")
    return values.some((value) => value === String(given.length === 0));
  const isIfExist = operator.endsWith("_if_exist");
  if (given.length === 0) return isIfExist;
  const plain = operator.replace(/_if_exist$/, "").replace(/^for_a(ny|ll)_value:/, "");
  const isNegated = plain.includes("_not_");
  const is = (one: string) => {
    const some = values.some((value) =>
      plain.endsWith("like")
        ? star(value, one)
        : plain.startsWith("ip")
          ? inNetwork(one, value)
          : one === value,
    );
    return isNegated ? !some : some;
  };
  if (operator.startsWith("for_any_value:")) return given.some(is);
  if (operator.startsWith("for_all_value:")) return given.every(is);
  return isNegated ? given.every(is) : given.some(is);
}

/** By trying every length that each star can stand for. */
function star(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] !== "*") return text[0] === pattern[0] && star(pattern.slice(1), text.slice(1));
  for (let n = 0; n <= text.length; n++) if (star(pattern.slice(1), text.slice(n))) return true;
  return false;
}

/** IPv4 as one number. */
function inNetwork(address: string, network: string): boolean {
  const number = (text: string) =>
    text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const [host = "", bits = "32"] = network.split("/");
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(address) / size) === Math.floor(number(host) / size);
}

const starred = (...words: string[]) =>
  fc
    .array(fc.oneof(fc.constantFrom(...words), fc.constant("*")), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join(""));
const action = fc.oneof(
  fc.constantFrom("*", "kms:*", "name/kms:Encrypt", "KMS:Describe*", "cam:*", "kms:*crypt"),
  fc.constantFrom("kms:Encrypt", "kms:Decrypt", "kms:*Encrypt", "k*s:DescribeKey*", "*:AddUser"),
);
const path = fc.oneof(
  starred("key/", "creatorUin/", "1001/", "1007/", "a", "b"),
  fc.constantFrom(
    "key/*",
    "key/creatorUin/1001/*",
    `key/creatorUin/\${uin}/*`,
    "key/creatorUin/1001/a",
  ),
);
const resource = fc.oneof(
  { weight: 1, arbitrary: fc.constant("*") },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom("", "kms", "cam", "k*"),
        fc.constantFrom("", "ap-guangzhou", "ap-*", "eu-frankfurt"),
        fc.constantFrom("", "uin/", "uin/1001", `uin/\${owner_uin}`, "uin/2002"),
        path,
      )
      .map(([service, region, account, tail]) => `qcs::${service}:${region}:${account}:${tail}`),
  },
);
const networks = fc.constantFrom(
  "10.0.0.1",
  "10.0.0.0/8",
  "10.1.2.3/24",
  "0.0.0.0/0",
  "11.0.0.0/7",
);
const tags = fc.constantFrom("team&red", "team&blue", "stage&test");
const spelled = (names: readonly string[]) =>
  fc
    .tuple(
      fc.constantFrom("", "for_any_value:", "for_all_value:"),
      fc.constantFrom(...names),
      fc.constantFrom("", "_if_exist"),
    )
    .map((parts) => parts.join(""));
const some = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 3 });
const condition: fc.Arbitrary<Condition> = fc
  .array(
    fc.oneof(
      fc.tuple(
        spelled(["string_equal", "string_not_equal", "string_like", "string_not_like"]),
        fc.constant("qcs:resource_tag"),
        some(fc.oneof(tags, fc.constantFrom("team&*", "*"))),
      ),
      fc.tuple(spelled(["ip_equal", "ip_not_equal"]), fc.constant("qcs:ip"), some(networks)),
      fc.tuple(
        fc.constant("null_equal"),
        fc.constantFrom("qcs:ip", "qcs:resource_tag"),
        some(fc.constantFrom("true", "false")),
      ),
    ),
    { maxLength: 2 },
  )
  .map((rows) =>
    Object.fromEntries(rows.map(([operator, key, values]) => [operator, { [key]: values }])),
  );
const statement: fc.Arbitrary<Statement> = fc.record({
  effect: fc.constantFrom("allow" as const, "allow" as const, "deny" as const),
  action: some(action),
  resource: some(resource),
  condition,
});
const question: fc.Arbitrary<Question> = fc.record({
  service: fc.constantFrom("kms", "kms", "kms", "cam"),
  name: fc.constantFrom("Encrypt", "Decrypt", "ReEncrypt", "DescribeKey", "AddUser"),
  region: fc.constantFrom("ap-guangzhou", "eu-frankfurt", ""),
  path: fc.constantFrom(
    "key/*",
    "key/creatorUin/1001/a",
    "key/creatorUin/1007/a",
    "key/creatorUin/1007/b",
  ),
  context: fc.record(
    {
      "qcs:ip": fc.constantFrom("10.0.0.1", "10.1.2.9", "192.168.1.1"),
      "qcs:resource_tag": fc.uniqueArray(tags, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
});

const RUNS = Number(process.env.EDGE_KMS_POLICY_RUNS ?? 3_000);

test("decides as the naive evaluator does", () => {
  let allowed = 0;
  fc.assert(
    fc.property(some(some(statement)), some(question), (documents, questions) => {
      const policies = documents.map((statements, policyId) => {
        const text = JSON.stringify({ version: "2.0", statement: statements });
        const parsed = parsePolicyDocument(text, catalog);
        if (!parsed.ok) throw parsed.error;
        return { policyId, document: parsed.value };
      });
      const compiled = compilePolicies(policies, subject);
      for (const asked of questions) {
        const { service, name, region, path: about, context } = asked;
        const { isAllowed, by } = decide(compiled, {
          action: { service, name },
          resources: [{ service, region, owner: OWNER, path: about }],
          context,
        });
        expect(isAllowed).toBe(naive(documents, asked));
        if (isAllowed) allowed += 1;
        // Whatever decided says so of itself.
        if (by !== null) {
          const decisive = documents[by.policyId]?.[by.statement];
          expect(decisive?.effect).toBe(isAllowed ? "allow" : "deny");
          expect(naiveMatch(decisive as Statement, asked)).toBe(true);
        }
      }
    }),
    { numRuns: RUNS },
  );
  // Neither everything nor nothing, or the comparison says little.
  expect(allowed).toBeGreaterThan(RUNS / 10);
}, 120_000);

test("documents of any kind make no crash, and allow nothing without an allowing statement", () => {
  const word = fc.oneof(
    fc.constantFrom("version", "statement", "effect", "action", "resource", "condition"),
    fc.constantFrom("2.0", "allow", "deny", "*", "kms:*", "string_equal", "qcs:ip", "__proto__"),
    fc.string({ maxLength: 8 }),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      word,
      fc.constantFrom<unknown>(null, true, 2, 2.0, -1),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(word, tie("tree"), { maxKeys: 4 }),
    ),
  }));
  const near = fc.record(
    {
      version: fc.oneof({ weight: 9, arbitrary: fc.constant<unknown>("2.0") }, tree),
      statement: fc.array(
        fc.record(
          {
            effect: fc.oneof(fc.constant<unknown>("deny"), tree),
            action: fc.oneof(fc.constant<unknown>("*"), some(action), tree),
            resource: fc.oneof(fc.constant<unknown>("*"), some(resource), tree),
            condition: fc.oneof(condition, tree),
          },
          { requiredKeys: [] },
        ),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(near, tree), question, (json, asked) => {
      const text = JSON.stringify(json) ?? "";
      const parsed = parsePolicyDocument(text, catalog);
      if (!parsed.ok) {
        expect(parsed.error.code).toMatch(/^InvalidParameter\./);
        return;
      }
      const { service, name, region, path: about, context } = asked;
      const { isAllowed } = decide(
        compilePolicies([{ policyId: 1, document: parsed.value }], subject),
        {
          action: { service, name },
          resources: [{ service, region, owner: OWNER, path: about }],
          context,
        },
      );
      if (isAllowed) expect(text).toContain('"effect":"allow"');
    }),
    { numRuns: RUNS },
  );
}, 120_000);

test("patterns match as trying every length does", () => {
  const letters = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 6 }).map((l) => l.join(""));
  const text = fc.array(fc.constantFrom("a", "b"), { maxLength: 8 }).map((l) => l.join(""));
  fc.assert(
    fc.property(letters, text, (pattern, subjectText) => {
      expect(matchesPattern(compilePattern(pattern), subjectText)).toBe(star(pattern, subjectText));
    }),
    { numRuns: RUNS },
  );
});

test("repeated members are found wherever they are, and nothing else is taken for them", () => {
  fc.assert(
    fc.property(fc.json(), fc.string(), (json, name) => {
      expect(hasRepeatedMember(JSON.stringify(JSON.parse(json)))).toBe(false);
      const quoted = JSON.stringify(name);
      const twice = `{"x":[${json},{${quoted}:1,"y${"z"}":${json},${quoted}:2}]}`;
      expect(hasRepeatedMember(twice)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
