/** The five data-plane actions, in workerd, in both suites. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, base64, call } from "./support/client.ts";
import { ACCOUNT, AES, SM4, type System, startSystem } from "./support/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.dispose());

function run(action: string, params: object, region: string | null = AES): Promise<ApiAnswer> {
  return call(system.edge.url, action, params, { account: system.account, region });
}

async function encrypted(
  plaintext: string | Uint8Array,
  context?: string,
  region: typeof AES | typeof SM4 = AES,
): Promise<string> {
  const { keyId } = system.keys[region];
  const params = { KeyId: keyId, Plaintext: base64(plaintext), EncryptionContext: context };
  const { response, code } = await run("Encrypt", params, region);
  expect(code).toBe("");
  return String(response.CiphertextBlob);
}

const opened = (answer: ApiAnswer): string =>
  Buffer.from(String(answer.response.Plaintext), "base64").toString();

describe.each([AES, SM4] as const)("in %s", (region) => {
  test("what was encrypted decrypts, of every length up to 4096 bytes", async () => {
    for (const length of [0, 1, 15, 16, 17, 32, 255, 1000, 4095, 4096]) {
      const plaintext = new Uint8Array(length).map((_, n) => n * 7 + length);
      const blob = await encrypted(plaintext, undefined, region);
      const answer = await run("Decrypt", { CiphertextBlob: blob }, region);
      expect(answer.response.Plaintext).toBe(base64(plaintext));
      expect(answer.response.KeyId).toBe(system.keys[region].keyId);
    }
  });

  test("a data key decrypts to what was answered", async () => {
    const { keyId } = system.keys[region];
    for (const [params, bytes] of [
      [{ KeySpec: "AES_128" }, 16],
      [{ KeySpec: "AES_256" }, 32],
      [{ KeySpec: "AES_128", NumberOfBytes: 1024 }, 1024],
      [{ NumberOfBytes: "7" }, 7],
    ] as const) {
      const made = await run("GenerateDataKey", { KeyId: keyId, ...params }, region);
      expect(made.code).toBe("");
      expect(Buffer.from(String(made.response.Plaintext), "base64")).toHaveLength(bytes);
      const answer = await run("Decrypt", { CiphertextBlob: made.response.CiphertextBlob }, region);
      expect(answer.response.Plaintext).toBe(made.response.Plaintext);
    }
  });

  test("every flipped bit of a ciphertext is refused alike", async () => {
    const blob = Buffer.from(await encrypted("x", undefined, region), "base64");
    const answers = await Promise.all(
      Array.from({ length: blob.length }, async (_, n) => {
        const altered = Buffer.from(blob);
        altered[n] = (altered[n] as number) ^ (1 << (n % 8));
        return run("Decrypt", { CiphertextBlob: base64(altered) }, region);
      }),
    );
    for (const { code, response } of answers) {
      expect(code).toBe("InvalidParameterValue.InvalidCiphertext");
      expect(response.Error).toEqual(answers[0]?.response.Error);
    }
  });
});

test("a request without a region means the first one", async () => {
  const blob = await encrypted("hello");
  expect(opened(await run("Decrypt", { CiphertextBlob: blob }, null))).toBe("hello");
});

test("a region that is not served is UnsupportedRegion", async () => {
  expect((await run("GenerateRandom", { NumberOfBytes: 8 }, "eu-frankfurt")).code).toBe(
    "UnsupportedRegion",
  );
});

test("the context counts by its pairs, not by its spelling", async () => {
  const blob = await encrypted("hello", '{"a":"1","b":"\\u00e9"}');
  const same = await run("Decrypt", {
    CiphertextBlob: blob,
    EncryptionContext: ' { "b" : "é", "a":"1" } ',
  });
  expect(opened(same)).toBe("hello");
  for (const context of [undefined, "", "{}", '{"a":"1"}', '{"a":"1","b":"e"}']) {
    const answer = await run("Decrypt", { CiphertextBlob: blob, EncryptionContext: context });
    expect(answer.code).toBe("InvalidParameterValue.InvalidCiphertext");
  }
  const none = await encrypted("hello");
  for (const context of ["", "{}"]) {
    expect(opened(await run("Decrypt", { CiphertextBlob: none, EncryptionContext: context }))).toBe(
      "hello",
    );
  }
});

test("ciphertext of another region or account is InvalidCiphertext", async () => {
  const blob = await encrypted("hello");
  expect((await run("Decrypt", { CiphertextBlob: blob }, SM4)).code).toBe(
    "InvalidParameterValue.InvalidCiphertext",
  );
  const stranger = system.controlPlane.addAccount("100000000002");
  const answer = await call(
    system.edge.url,
    "Decrypt",
    { CiphertextBlob: blob },
    { account: stranger },
  );
  expect(answer.code).toBe("InvalidParameterValue.InvalidCiphertext");
  const encrypt = await call(
    system.edge.url,
    "Encrypt",
    { KeyId: system.keys[AES].keyId, Plaintext: base64("x") },
    { account: stranger },
  );
  expect(encrypt.code).toBe("ResourceUnavailable.CmkNotFound");
});

test("parameters are refused with the contract's codes", async () => {
  const KeyId = system.keys[AES].keyId;
  const codes = await Promise.all(
    (
      [
        ["Encrypt", { KeyId }],
        ["Encrypt", { KeyId, Plaintext: "no base64!" }],
        ["Encrypt", { KeyId, Plaintext: base64(new Uint8Array(4097)) }],
        ["Encrypt", { KeyId: "alias", Plaintext: "" }],
        ["Encrypt", { KeyId: "00000000-0000-4000-8000-000000000000", Plaintext: "" }],
        ["Encrypt", { KeyId, Plaintext: "", EncryptionContext: '{"a":1}' }],
        ["Encrypt", { KeyId, Plaintext: 5 }],
        ["Decrypt", { CiphertextBlob: "" }],
        ["GenerateDataKey", { KeyId }],
        ["GenerateDataKey", { KeyId, NumberOfBytes: 1025 }],
        ["GenerateRandom", { NumberOfBytes: 0 }],
        ["GenerateRandom", {}],
      ] as const
    ).map(async ([action, params]) => (await run(action, params)).code),
  );
  expect(codes).toEqual([
    "MissingParameter",
    "InvalidParameterValue.InvalidPlaintext",
    "InvalidParameterValue.InvalidPlaintext",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "InvalidParameter",
    "InvalidParameter",
    "InvalidParameterValue.InvalidCiphertext",
    "MissingParameter",
    "InvalidParameter",
    "InvalidParameter",
    "MissingParameter",
  ]);
});

test("random bytes are as many as wanted, and others each time", async () => {
  const answers = await Promise.all(
    [1, 1024, 1024].map((n) => run("GenerateRandom", { NumberOfBytes: n })),
  );
  const [one, first, second] = answers.map(({ response }) =>
    Buffer.from(String(response.Plaintext), "base64"),
  );
  expect([one?.length, first?.length]).toEqual([1, 1024]);
  expect(first?.equals(second as Buffer)).toBe(false);
});

describe("ReEncrypt", () => {
  test("answers the same ciphertext when nothing is to be done, and only to who has its context", async () => {
    const blob = await encrypted("hello", '{"a":"1"}');
    const context = { SourceEncryptionContext: '{"a":"1"}' };
    const same = await run("ReEncrypt", {
      CiphertextBlob: blob,
      ...context,
      DestinationEncryptionContext: '{ "a": "1" }',
    });
    expect(same.response).toMatchObject({
      CiphertextBlob: blob,
      KeyId: system.keys[AES].keyId,
      SourceKeyId: system.keys[AES].keyId,
      ReEncrypted: false,
    });
    const wrong = await run("ReEncrypt", {
      CiphertextBlob: blob,
      SourceEncryptionContext: '{"a":"2"}',
      DestinationEncryptionContext: '{"a":"2"}',
    });
    expect(wrong.code).toBe("InvalidParameterValue.InvalidCiphertext");
  });

  test("encrypts anew for another context or key", async () => {
    const blob = await encrypted("hello");
    const other = await run("ReEncrypt", {
      CiphertextBlob: blob,
      DestinationEncryptionContext: '{"b":"2"}',
    });
    expect(other.response.ReEncrypted).toBe(true);
    const answer = await run("Decrypt", {
      CiphertextBlob: other.response.CiphertextBlob,
      EncryptionContext: '{"b":"2"}',
    });
    expect(opened(answer)).toBe("hello");

    const second = system.controlPlane.addKey(ACCOUNT, AES, 1);
    const moved = await run("ReEncrypt", {
      CiphertextBlob: blob,
      DestinationKeyId: second.keyId,
    });
    expect(moved.response).toMatchObject({ KeyId: second.keyId, ReEncrypted: true });
    const there = await run("Decrypt", { CiphertextBlob: moved.response.CiphertextBlob });
    expect(there.response.KeyId).toBe(second.keyId);
    expect(opened(there)).toBe("hello");
  });

  test("moves ciphertext of an older branch to the current one, and both decrypt", async () => {
    const key = system.controlPlane.addKey(ACCOUNT, AES, 1);
    const params = { KeyId: key.keyId, Plaintext: base64("old") };
    const old = String((await run("Encrypt", params)).response.CiphertextBlob);
    system.controlPlane.addBranch(key, 2);
    system.controlPlane.raiseEpoch(ACCOUNT);
    // The epoch reaches the edge within a moment; until then the older branch is current.
    await expect
      .poll(async () => (await run("ReEncrypt", { CiphertextBlob: old })).response.ReEncrypted)
      .toBe(true);
    const moved = await run("ReEncrypt", { CiphertextBlob: old });
    expect(moved.response.ReEncrypted).toBe(true);
    for (const blob of [old, moved.response.CiphertextBlob]) {
      expect(opened(await run("Decrypt", { CiphertextBlob: blob }))).toBe("old");
    }
  });

  test("does not take a ciphertext back to an older version than its own", async () => {
    const key = system.controlPlane.addKey(ACCOUNT, AES, 1);
    system.controlPlane.addBranch(key, 2);
    const params = { KeyId: key.keyId, Plaintext: base64("new") };
    const CiphertextBlob = String((await run("Encrypt", params)).response.CiphertextBlob);
    // As an edge is that still holds its lease from before the rotation.
    key.branches.reverse();
    system.controlPlane.raiseEpoch(ACCOUNT);
    const version = async () => {
      const { response } = await run("Encrypt", params);
      return Buffer.from(String(response.CiphertextBlob), "base64").readUInt32BE(19);
    };
    await expect.poll(version).toBe(1);
    expect((await run("ReEncrypt", { CiphertextBlob })).response).toMatchObject({
      CiphertextBlob,
      ReEncrypted: false,
    });
  });
});
