import querystring from "node:querystring";
import { describe, expect, test } from "vitest";
import { seeded } from "../testing/seeded.ts";
import { parseForm } from "./form.ts";

const entries = (text: string) => [...(parseForm(text) ?? [])];

describe("form fields", () => {
  test("spaces are + or %20, other text is percent-encoded UTF-8", () => {
    expect(entries("A=x+y&B=x%20y&C.0=%e5%AF%86&D=a%2Bb%26c%3Dd&E=")).toEqual([
      ["A", "x y"],
      ["B", "x y"],
      ["C.0", "密"],
      ["D", "a+b&c=d"],
      ["E", ""],
    ]);
    expect(entries("")).toEqual([]);
    expect(entries("A=b=c")).toEqual([["A", "b=c"]]);
  });

  test.each([
    "A",
    "=x",
    "&",
    "A=1&",
    "A=1&&B=2",
    "A=1&A=2",
    "A=1&%41=2",
    "A=%",
    "A=%4",
    "A=%4g",
    "A=%c3",
    "A=%ed%a0%80",
    "A=%C0%80",
    "A=x y",
    "A=é",
    "A-B=1",
    "A%00=1",
    "__proto__[x]=1",
    `${"x".repeat(257)}=1`,
    Array.from({ length: 4097 }, (_, i) => `F${i}=`).join("&"),
  ])("refuses %.40j", (text) => {
    expect(parseForm(text)).toBeNull();
  });

  test("reads what node writes", () => {
    const random = seeded(11);
    const alphabet = [..."aZ0 &=+%'()*~.-_\"{}\n\u0000éß密🔐"];
    for (let i = 0; i < 500; i++) {
      const fields: Record<string, string> = {};
      for (let k = random.below(6); k >= 0; k--) {
        let value = "";
        for (let n = random.below(12); n > 0; n--) value += random.pick(alphabet);
        fields[`F${k}`] = value;
      }
      expect(Object.fromEntries(entries(querystring.stringify(fields)))).toEqual(fields);
      expect(Object.fromEntries(entries(new URLSearchParams(fields).toString()))).toEqual(fields);
    }
  });
});
