/**
 * Which error codes the official client was told, by action, over the whole run: each documented one that can occur must have
 * come at least once, none that docs/errors-not-provoked.md says cannot, and none that is neither documented nor common. Judged at the end of runs of all files named here.
 */

import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kmsActions } from "@edge-kms/protocol";
import { isNotProvoked } from "./not-provoked.ts";

/** Codes that every action may answer (contract §1.4), on its list or not. */
const isCommon = (code: string): boolean => !code.includes(".") || code.startsWith("AuthFailure.");

const VARIABLE = "EDGE_KMS_PROVOKED";
const files = ["sdk", "life-cycle", "data-keys", "import", "asymmetric", "documented-errors"];
/** They kill or cut off parts under calls whose answers they leave open. */
const breaking = ["database-faults", "durability", "faults", "kill-life-cycle", "outbox", "proxy"];

/** Notes an outcome: an error code, or `ok`. */
export function noteOutcome(testFile: string, action: string, outcome: string): void {
  const path = process.env[VARIABLE];
  if (path !== undefined) appendFileSync(path, `${testFile} ${action} ${outcome}\n`);
}

/** Vitest's global setup, and what comes at its end. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "edge-kms-provoked-"));
  const path = join(folder, "outcomes");
  appendFileSync(path, "");
  process.env[VARIABLE] = path;
  return () => {
    const lines = readFileSync(path, "utf8").trim().split("\n");
    rmSync(folder, { recursive: true });
    judge(lines.map((line) => line.split(" ") as [string, string, string]));
  };
}

function judge(outcomes: readonly [file: string, action: string, outcome: string][]): void {
  const ran = new Set(outcomes.map(([file]) => file));
  if (!files.every((file) => ran.has(file))) return;
  // What files that break parts bring about, they bring about by chance.
  const meant = outcomes.filter(([file]) => !breaking.includes(file));
  const seen = new Set(meant.map(([, action, outcome]) => `${action} ${outcome}`));
  const faults = Object.values(kmsActions).flatMap(({ name, errors }) => [
    ...(seen.has(`${name} ok`) ? [] : [`${name} never succeeded`]),
    ...errors.flatMap((code) => {
      const isSeen = seen.has(`${name} ${code}`);
      if (isSeen === !isNotProvoked(name, code)) return [];
      return [`${name}: ${code} ${isSeen ? "came, and is listed as not provoked" : "never came"}`];
    }),
    ...[...seen].flatMap((line) => {
      const [action, code = ""] = line.split(" ");
      const isKnown =
        code === "ok" || isCommon(code) || (errors as readonly string[]).includes(code);
      return action !== name || isKnown ? [] : [`${line} came, and is not documented`];
    }),
  ]);
  if (faults.length > 0) throw new Error(`documented errors:\n${faults.join("\n")}`);
}
