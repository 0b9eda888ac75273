/** The command against a door of its own, which is the border: what is sent, printed, asked, and with which code it ends. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runCommand } from "./program.ts";

interface Seen {
  readonly action: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly params: Record<string, unknown>;
}

let server: Server;
let endpoint: string;
let home: string;
let seen: Seen[] = [];
let answer: (action: string, params: Record<string, unknown>) => object | string = () => ({});
/** Enough of an answer for every action. */
const nothing = {
  TotalCount: 0,
  Edges: [],
  LastUsedTime: 0,
  MessagesEncrypted: 0,
  Branches: [],
  EdgeMode: "lease",
  LeaseRefreshSeconds: 60,
  LeaseExpirySeconds: 180,
  IsDefault: true,
};
const secretKey = "super-secret-key-of-the-caller-x";

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const params = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      const action = String(request.headers["x-tc-action"]);
      seen.push({ action, headers: request.headers, params });
      const told = answer(action, params);
      response.setHeader("content-type", "application/json");
      response.end(
        typeof told === "string"
          ? told
          : JSON.stringify({ Response: { ...told, RequestId: "r-1" } }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  home = mkdtempSync(join(tmpdir(), "edge-kms-cli-"));
  const lines = [
    `TENCENTCLOUD_SECRET_ID=AKID${"0".repeat(32)}`,
    `TENCENTCLOUD_SECRET_KEY=${secretKey}`,
    "TENCENTCLOUD_REGION=ap-singapore",
    `CONTROL_PLANE_ENDPOINT=${endpoint}`,
  ];
  writeFileSync(join(home, "client.env"), `${lines.join("\n")}\n`);
});
beforeEach(() => {
  seen = [];
  answer = () => nothing;
});
afterAll(() => {
  server.close();
  rmSync(home, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  args: readonly string[],
  {
    env = { EDGE_KMS_HOME: home },
    ask = null,
  }: {
    env?: Record<string, string>;
    ask?: ((question: string) => Promise<boolean>) | null;
  } = {},
): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await runCommand(args, {
    env,
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
    ask,
  });
  expect(out + err).not.toContain(secretKey);
  return { code, out, err };
}

const keyId = "00000000-0000-4000-8000-000000000001";

test.each([
  [["edge", "revoke", "e1"], "RevokeEdge", { EdgeId: "e1" }],
  [["edge", "restore", "e1"], "RestoreEdge", { EdgeId: "e1" }],
  [
    ["edge", "accept-unaccounted", "e1", "00"],
    "AcceptUnaccounted",
    { EdgeId: "e1", InstanceId: "00" },
  ],
  [["key", "usage", keyId], "DescribeKeyUsage", { KeyId: keyId, Offset: 0, Limit: 200 }],
  [["key", "revoke-at", keyId, "e1"], "RevokeKeyAtEdge", { KeyId: keyId, EdgeId: "e1" }],
  [["key", "restore-at", keyId, "e1"], "RestoreKeyAtEdge", { KeyId: keyId, EdgeId: "e1" }],
  [["access-key", "revoke", "AKID1"], "RevokeAccessKey", { SecretId: "AKID1" }],
  [["access-key", "restore", "AKID1"], "RestoreAccessKey", { SecretId: "AKID1" }],
  [
    ["key", "edge-settings", keyId, "--mode", "proxy", "--refresh", "5", "--expiry", "10"],
    "ModifyKeyEdgeSettings",
    { KeyId: keyId, EdgeMode: "proxy", LeaseRefreshSeconds: 5, LeaseExpirySeconds: 10 },
  ],
  [["key", "edge-settings", keyId], "DescribeKeyEdgeSettings", { KeyId: keyId }],
])("%j calls %s", async (args, action, params) => {
  const { code, err } = await run(args);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(seen[0]).toMatchObject({ action, params });
  expect(seen[0]?.headers).toMatchObject({
    "x-tc-version": "2026-11-27",
    "x-tc-region": "ap-singapore",
    authorization: expect.stringContaining("SignedHeaders=content-type;host;x-tc-traceid"),
  });
});

const edge = (n: number) => ({
  EdgeId: `edge-${n}`,
  Group: "default",
  Regions: ["ap-singapore"],
  Revoked: n === 1,
  Frozen: false,
  Connected: n !== 1,
  LastHeardTime: 1_790_000_000,
  EnrolledTime: 1,
  RevokedTime: 0,
  LastAuditSequence: 0,
  LeasedKeys: 3,
  RevokedKeys: 0,
  UnaccountedAtMost: n === 1 ? 50_000 : 0,
  Instances: [],
});

test("a list is read to its end, page after page", async () => {
  const all = Array.from({ length: 450 }, (_, n) => edge(n));
  answer = (_action, { Offset, Limit }) => ({
    TotalCount: all.length,
    Edges: all.slice(Number(Offset), Number(Offset) + Number(Limit)),
  });
  const { out } = await run(["edge", "list", "--json"]);
  expect((JSON.parse(out) as { Edges: object[] }).Edges).toHaveLength(450);
  expect(seen).toHaveLength(3);
  const table = (await run(["edge", "list"])).out.split("\n");
  expect(table[0]).toMatch(/^EDGE +GROUP +STATE +CONNECTED +LAST HEARD +KEYS LEASED +UNACCOUNTED$/);
  expect(table[2]).toMatch(
    /^edge-1 +default +revoked +no +2026-09-21T14:13:20Z +3 +at most 50000$/,
  );
});

test("what a service says cannot move the cursor of a terminal", async () => {
  answer = () => ({ TotalCount: 1, Edges: [{ ...edge(0), Group: "\u001b[2Jx" }] });
  expect((await run(["edge", "list"])).out).not.toContain("\u001b");
});

describe("exit codes", () => {
  const refusal = { Error: { Code: "ResourceNotFound", Message: "No such edge." } };

  test("1 with the code that the service gave", async () => {
    answer = () => refusal;
    const plain = await run(["edge", "revoke", "e1"]);
    expect(plain).toMatchObject({ code: 1, out: "" });
    expect(plain.err).toBe("ResourceNotFound: No such edge. (request r-1)\n");
    const json = await run(["edge", "revoke", "e1", "--json"]);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.err)).toEqual({ ...refusal, RequestId: "r-1" });
  });

  test.each([
    [[]],
    [["no-such-command"]],
    [["edge"]],
    [["edge", "revoke"]],
    [["edge", "revoke", "a", "b"]],
    [["edge", "list", "--no-such-option"]],
    [["key", "edge-settings", keyId, "--mode", "other"]],
    [["key", "edge-settings", keyId, "--expiry", "soon"]],
    [["key", "edge-settings", keyId, "--default-times", "--expiry", "3"]],
    [["edge", "list", "--endpoint", "ftp://127.0.0.1"]],
    [["edge", "list", "--endpoint", "http://kms.example.test"]],
    [["edge", "list", "--secret-key", "x"]],
    [["edge", "list", "--secret-id", "AKID1"]],
  ])("2 for %j, and nothing is sent", async (args) => {
    const { code, err } = await run(args);
    expect(code).toBe(2);
    expect(err).not.toBe("");
    expect(seen).toEqual([]);
  });

  test("2 without credentials", async () => {
    for (const env of [
      {},
      { EDGE_KMS_ENDPOINT: endpoint, EDGE_KMS_REGION: "ap-singapore" },
      { EDGE_KMS_HOME: home, EDGE_KMS_SECRET_ID: "AKID1" },
      { EDGE_KMS_HOME: home, EDGE_KMS_SECRET_KEY: "x" },
    ]) {
      expect((await run(["edge", "list", "--home", "/nonexistent"], { env })).code).toBe(2);
    }
  });

  test.each([
    ["nobody listens", "http://127.0.0.1:1"],
    ["what answers is not the API", ""],
    ["the answer has another form", ""],
  ])("3 when %s", async (name, url) => {
    answer = () => (name.includes("form") ? { Edges: "none" } : "<html>");
    const more = url === "" ? [] : ["--endpoint", url];
    expect((await run(["edge", "list", ...more])).code).toBe(3);
  });

  test("0 for help, of every command", async () => {
    for (const words of [
      [],
      ["edge"],
      ["edge", "list"],
      ["key", "edge-settings"],
      ["access-key"],
    ]) {
      const { code, out } = await run([...words, "--help"]);
      expect(code).toBe(0);
      expect(out).toContain("Usage: edge-kms");
    }
  });
});

describe("before something is taken away", () => {
  const destructive = [
    ["edge", "revoke", "e1"],
    ["edge", "accept-unaccounted", "e1", "00"],
    ["key", "revoke-at", keyId, "e1"],
    ["access-key", "revoke", "AKID1"],
    ["key", "edge-settings", keyId, "--mode", "deny"],
  ];

  test.each(destructive)("%s %s asks a person, and a no changes nothing", async (...args) => {
    const questions: string[] = [];
    const ask = async (question: string) => {
      questions.push(question);
      return false;
    };
    const { code, err } = await run(args, { ask });
    expect({ code, err }).toEqual({ code: 0, err: "Nothing was changed.\n" });
    expect(questions).toHaveLength(1);
    expect(seen).toEqual([]);
    await run([...args, "--yes"], { ask });
    expect(questions).toHaveLength(1);
    expect(seen.length).toBeGreaterThan(0);
  });

  test.each([
    ["edge", "restore", "e1"],
    ["key", "edge-settings", keyId, "--mode", "lease"],
  ])("%s %s does not ask", async (...args) => {
    const ask = () => Promise.reject(new Error("asked"));
    expect((await run(args, { ask })).code).toBe(0);
  });
});

test("the environment goes before the home, and flags before both", async () => {
  const file = join(home, "key");
  writeFileSync(file, `${secretKey}\n`, { mode: 0o600 });
  const env = { EDGE_KMS_HOME: home, EDGE_KMS_SECRET_ID: "AKIDenv", EDGE_KMS_SECRET_KEY: "k" };
  await run(["edge", "list"], { env });
  await run(
    [
      "edge",
      "list",
      "--secret-id",
      "AKIDflag",
      "--secret-key-file",
      file,
      "--region",
      "ap-guangzhou",
    ],
    { env },
  );
  expect(seen[0]?.headers.authorization).toContain("Credential=AKIDenv/");
  expect(seen[1]?.headers.authorization).toContain("Credential=AKIDflag/");
  expect(seen[1]?.headers["x-tc-region"]).toBe("ap-guangzhou");
});
