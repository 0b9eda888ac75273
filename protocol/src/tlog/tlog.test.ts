import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { hexDecode, hexEncode, utf8Encode } from "../bytes.ts";
import { sha256 } from "../testing/primitives.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { isNoteKeyName, noteKeyId, openNote, type VerifyEd25519, writeNote } from "./note.ts";
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  nodeHash,
  type ReadSubtree,
  rootOf,
  subtreesCompletedBy,
  verifyConsistency,
  verifyInclusion,
} from "./tree.ts";

/** A log in memory: the complete subtrees, as they come. */
async function logOf(entries: readonly Uint8Array[]): Promise<ReadSubtree> {
  const nodes = new Map<string, Uint8Array>();
  const read: ReadSubtree = async (level, index) => {
    const hash = nodes.get(`${level}/${index}`);
    if (hash === undefined) throw new Error(`no complete subtree ${level}/${index}`);
    return hash;
  };
  for (const [n, entry] of entries.entries()) {
    const leaf = leafHash(sha256, entry);
    for (const { level, index, hash } of await subtreesCompletedBy(sha256, leaf, n, read)) {
      nodes.set(`${level}/${index}`, hash);
    }
  }
  return read;
}

/** RFC 9162 §2.1.1 as it is written. */
function naiveRoot(entries: readonly Uint8Array[]): Uint8Array {
  const [only] = entries;
  if (only === undefined) return sha256(new Uint8Array());
  if (entries.length === 1) return leafHash(sha256, only);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return nodeHash(sha256, naiveRoot(entries.slice(0, k)), naiveRoot(entries.slice(k)));
}

const entriesOf = (size: number) =>
  Array.from({ length: size }, (_, n) => utf8Encode(`entry ${n}`));
const flipped = (hash: Uint8Array) =>
  Uint8Array.from(hash, (byte, n) => (n === 7 ? byte ^ 1 : byte));

describe("tree", () => {
  // The entries and roots that certificate-transparency implementations test with.
  const published = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    .concat("606162636465666768696a6b6c6d6e6f")
    .map((hex) => hexDecode(hex) as Uint8Array);
  test.each([
    [0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    [1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
    [2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    [3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"],
    [4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    [5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"],
    [6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"],
    [7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"],
    [8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"],
  ])("has the published root at size %i", async (size, root) => {
    const read = await logOf(published.slice(0, size));
    expect(hexEncode(await rootOf(sha256, size, read))).toBe(root);
  });

  it("proves every entry of every size, and nothing else", async () => {
    const entries = entriesOf(40);
    const read = await logOf(entries);
    for (let size = 1; size <= entries.length; size++) {
      const root = await rootOf(sha256, size, read);
      expect(root).toEqual(naiveRoot(entries.slice(0, size)));
      for (let index = 0; index < size; index++) {
        const leaf = leafHash(sha256, entries[index] as Uint8Array);
        const proof = await inclusionProof(sha256, index, size, read);
        const holds = ({ of = leaf, at = index, within = size, by = proof, under = root } = {}) =>
          verifyInclusion(sha256, of, at, within, by, under);
        expect(holds()).toBe(true);
        expect(holds({ of: flipped(leaf) })).toBe(false);
        expect(holds({ under: flipped(root) })).toBe(false);
        expect(holds({ at: size })).toBe(false);
        expect(holds({ by: [...proof, root] })).toBe(false);
        if (index > 0) expect(holds({ at: index - 1 })).toBe(false);
        if (proof.length === 0) continue;
        expect(holds({ by: proof.slice(1) })).toBe(false);
        expect(holds({ by: proof.map((hash, n) => (n === 0 ? flipped(hash) : hash)) })).toBe(false);
        expect(holds({ by: proof.map((hash) => hash.subarray(1)) })).toBe(false);
      }
    }
  });

  it("proves every beginning of every size, and nothing else", async () => {
    const entries = entriesOf(40);
    const read = await logOf(entries);
    const root = (size: number) => rootOf(sha256, size, read);
    for (let size = 1; size <= entries.length; size++) {
      const after = { size, root: await root(size) };
      for (let smaller = 1; smaller <= size; smaller++) {
        const before = { size: smaller, root: await root(smaller) };
        const proof = await consistencyProof(sha256, smaller, size, read);
        const holds = ({ of = before, within = after, by = proof } = {}) =>
          verifyConsistency(sha256, of, within, by);
        expect(holds()).toBe(true);
        expect(holds({ of: { ...before, root: flipped(before.root) } })).toBe(false);
        expect(holds({ within: { ...after, root: flipped(after.root) } })).toBe(false);
        expect(holds({ by: [...proof, after.root] })).toBe(false);
        if (proof.length === 0) continue;
        expect(holds({ by: proof.slice(1) })).toBe(false);
        for (const at of proof.keys()) {
          const by = proof.map((hash, n) => (n === at ? flipped(hash) : hash));
          expect(holds({ by })).toBe(false);
        }
      }
    }
  });

  it("takes nothing for the beginning of everything, and refuses what is no size", async () => {
    const read = await logOf(entriesOf(3));
    const nothing = { size: 0, root: sha256(new Uint8Array()) };
    const three = { size: 3, root: await rootOf(sha256, 3, read) };
    expect(verifyConsistency(sha256, nothing, three, [])).toBe(true);
    expect(verifyConsistency(sha256, nothing, three, [three.root])).toBe(false);
    expect(verifyConsistency(sha256, { ...nothing, root: three.root }, three, [])).toBe(false);
    expect(verifyConsistency(sha256, three, nothing, [])).toBe(false);
    for (const size of [-1, 1.5, Number.NaN, 2 ** 53]) {
      expect(verifyConsistency(sha256, { ...three, size }, three, [])).toBe(false);
      expect(verifyInclusion(sha256, three.root, 0, size, [], three.root)).toBe(false);
      await expect(async () => rootOf(sha256, size, read)).rejects.toThrow(RangeError);
    }
    await expect(inclusionProof(sha256, 3, 3, read)).rejects.toThrow(RangeError);
    await expect(consistencyProof(sha256, 0, 3, read)).rejects.toThrow(RangeError);
    await expect(consistencyProof(sha256, 4, 3, read)).rejects.toThrow(RangeError);
  });

  test("numbers beyond 2^32 are as good as small ones", async () => {
    // Every subtree of the same level is alike: entries all the same.
    const levels = [leafHash(sha256, utf8Encode("same"))];
    for (let n = 0; n < 52; n++) {
      levels.push(nodeHash(sha256, levels[n] as Uint8Array, levels[n] as Uint8Array));
    }
    const read: ReadSubtree = async (level) => levels[level] as Uint8Array;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 ** 52 }),
        fc.integer({ min: 0, max: 2 ** 52 }),
        async (size, other) => {
          const root = await rootOf(sha256, size, read);
          const index = other % size;
          const proof = await inclusionProof(sha256, index, size, read);
          expect(proof.length).toBeLessThanOrEqual(52);
          expect(verifyInclusion(sha256, levels[0] as Uint8Array, index, size, proof, root)).toBe(
            true,
          );
          const before = index + 1;
          const beginning = { size: before, root: await rootOf(sha256, before, read) };
          const consistent = await consistencyProof(sha256, before, size, read);
          expect(verifyConsistency(sha256, beginning, { size, root }, consistent)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
});

const keyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(raw).toString("base64url") },
    format: "jwk",
  });
const verifyEd25519: VerifyEd25519 = async (publicKey, message, signature) =>
  verify(null, message, keyOf(publicKey), signature);
const open = (note: string | Uint8Array, keys: Parameters<typeof openNote>[3]) =>
  openNote(sha256, verifyEd25519, typeof note === "string" ? utf8Encode(note) : note, keys);

describe("notes", () => {
  const pair = generateKeyPairSync("ed25519");
  const publicKey = pair.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const key = { name: "kms.example/audit", publicKey };
  const signed = (text: string, name = key.name) =>
    writeNote(sha256, text, { ...key, name }, sign(null, utf8Encode(text), pair.privateKey));

  it("opens the published one", async () => {
    // vkey and note of the specification's test vectors.
    const raw = Buffer.from("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "base64").subarray(1);
    const known = { name: "example.com/foo", publicKey: raw };
    expect(hexEncode(noteKeyId(sha256, known))).toBe("530d903a");
    const note =
      "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    expect(await open(note, [known])).toBe("This is an example message.\n");
    expect(await open(note.replace("example m", "exbmple m"), [known])).toBeNull();
  });

  it("opens what it wrote, with empty lines in the text, beside signatures of others", async () => {
    const text = "one\n\ntwo\n";
    const note = signed(text);
    expect(await open(note, [key])).toBe(text);
    const others = `${note}— other.example AAAAAAAA\n`;
    expect(await open(others, [key])).toBe(text);
    expect(await open(note, [{ ...key, name: "other" }])).toBeNull();
    expect(await open(note, [])).toBeNull();
  });

  test.each<[string, (note: string) => string]>([
    ["another text", (note) => `x${note}`],
    ["no signature", (note) => note.slice(0, note.indexOf("\n\n") + 2)],
    ["no empty line", (note) => note.replace("\n\n", "\n")],
    ["no last line feed", (note) => note.slice(0, -1)],
    ["a hyphen for the dash", (note) => note.replace("—", "-")],
    ["a space too many", (note) => note.replace("— ", "—  ")],
    ["a word too many", (note) => note.replace(/\n$/, " x\n")],
    ["a carriage return", (note) => note.replace("\n", "\r\n")],
    ["base64 without padding", (note) => note.replace(/=+\n$/, "\n")],
    [
      "a bad second signature of the key",
      (note) => {
        const line = note.slice(note.indexOf("—"));
        const bytes = Buffer.from(line.split(" ")[2] ?? "", "base64");
        bytes[20] = (bytes[20] ?? 0) ^ 1;
        return `${note}— ${key.name} ${bytes.toString("base64")}\n`;
      },
    ],
    ["a line of no form beside it", (note) => `${note}nothing\n`],
  ])("refuses %s", async (_name, change) => {
    expect(await open(change(signed("text\n")), [key])).toBeNull();
  });

  it("refuses what is no UTF-8, and what is too long", async () => {
    expect(await open(Uint8Array.of(0xff, 0x0a, 0x0a), [key])).toBeNull();
    expect(await open(signed(`${"x".repeat(70_000)}\n`), [key])).toBeNull();
  });

  it("knows names that are none, and writes nothing that does not open", () => {
    for (const name of ["", "a b", "a+b", "a\u00a0b", "a\u2003b", "a\nb"]) {
      expect(isNoteKeyName(name)).toBe(false);
      expect(() => signed("text\n", name)).toThrow(RangeError);
    }
    for (const text of ["", "text", "te\txt\n", "te\ud800xt\n"]) {
      expect(() => signed(text)).toThrow(RangeError);
    }
  });
});

describe("checkpoints", () => {
  const root = sha256(utf8Encode("root"));

  it("reads the published one", () => {
    const text =
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    const checkpoint = readCheckpoint(text);
    expect(checkpoint).toMatchObject({ origin: "example.com/behind-the-sofa", size: 20852163 });
    expect(writeCheckpoint(checkpoint as NonNullable<typeof checkpoint>)).toBe(text);
    expect(readCheckpoint(`${text}an extension\n`)).toEqual(checkpoint);
  });

  test.each([
    "",
    "a\n1\n",
    "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    "a\n9007199254740992\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
    "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nx\n",
    "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
  ])("%j is none", (text) => {
    expect(readCheckpoint(text)).toBeNull();
  });

  it("writes none that would read as another", () => {
    for (const origin of ["", "a\n999", "a\tb"]) {
      expect(() => writeCheckpoint({ origin, size: 1, root })).toThrow(RangeError);
    }
    expect(() => writeCheckpoint({ origin: "a", size: -1, root })).toThrow(RangeError);
    expect(() => writeCheckpoint({ origin: "a", size: 1, root: root.subarray(1) })).toThrow(
      RangeError,
    );
    const text = writeCheckpoint({ origin: "a", size: 0, root });
    expect(readCheckpoint(text)).toEqual({ origin: "a", size: 0, root: Uint8Array.from(root) });
  });
});
