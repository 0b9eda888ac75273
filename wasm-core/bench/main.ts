// npm run bench -w @edge-kms/wasm-core [-- --json] [-- --only=subject] [-- --node]
//
// Medians over rounds. In every round all implementations of a subject take their turn, up the list and down the list by turns,
// so that a busy moment of the machine falls on all of them and none always follows the same other. A turn is three short
// samples, of which the quickest counts: the others are what another process took. As text: the table, the ratios that the README promises, module sizes and start-up. As JSON: one
// array of {subject, implementation, runtime, bytes, nsPerOp}.

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { gzipSync } from "node:zlib";
import { createCore } from "../src/index.ts";
import { loadModule } from "../src/node.ts";
import { compileNow } from "../src/web-assembly.ts";
import { type Case, coreCases, portableRivals, repeat } from "./cases.ts";
import { nodeRivals } from "./node-rivals.ts";
import { promises } from "./promises.ts";
import { request, startWorkerd, type Workerd } from "./workerd.ts";

export interface Row {
  readonly subject: string;
  readonly implementation: string;
  readonly runtime: "node" | "workerd";
  readonly bytes: number;
  readonly nsPerOp: number;
}

const ROUNDS = 9;
const SAMPLES = 3;
const SAMPLE_MS = 6;
const WARM_UP_MS = 120;

const args = process.argv.slice(2);
const isJson = args.includes("--json");
const only = args.find((arg) => arg.startsWith("--only="))?.slice(7);

/** Something that can be run `count` times; returns the milliseconds that took. */
interface Subject {
  readonly subject: string;
  readonly implementation: string;
  readonly runtime: Row["runtime"];
  readonly bytes: number;
  readonly run: (count: number) => Promise<number>;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function measure(subjects: readonly Subject[]): Promise<Row[]> {
  const counts: number[] = [];
  const overheads: number[] = [];
  for (const { run } of subjects) {
    await run(1);
    const overhead = Math.min(...(await inTurn(9, () => run(0))));
    const attempt = async (count: number) => Math.max((await turn(run, count)) - overhead, 0.01);
    const warm = performance.now() + WARM_UP_MS; // the optimizing compilers work beside, and may have to wait for a processor
    let count = 1;
    let ms = await attempt(count);
    while ((ms < SAMPLE_MS / 3 || performance.now() < warm) && count < 1e7) {
      count = Math.ceil(count * Math.min(8, SAMPLE_MS / ms));
      ms = await attempt(count);
    }
    counts.push(Math.max(1, Math.round((count * SAMPLE_MS) / ms)));
    overheads.push(overhead);
  }
  const samples: number[][] = subjects.map(() => []);
  const turns = [...subjects.entries()];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { run }] of turns) {
      const count = counts[index] ?? 1;
      const ms = (await turn(run, count)) - (overheads[index] ?? 0);
      samples[index]?.push((ms * 1e6) / count);
    }
    turns.reverse();
  }
  return subjects.map(({ subject, implementation, runtime, bytes }, index) => ({
    subject,
    implementation,
    runtime,
    bytes,
    nsPerOp: Math.round(median(samples[index] ?? []) * 10) / 10,
  }));
}

/** Milliseconds of the quickest of a turn's samples. */
async function turn(run: Subject["run"], count: number): Promise<number> {
  return Math.min(...(await inTurn(SAMPLES, () => run(count))));
}

async function inTurn<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let n = 0; n < count; n++) results.push(await make());
  return results;
}

async function nodeSubjects(cases: readonly Case[], bytes: number): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const { subject, implementation, sizes, prepare } of cases) {
    if (!sizes.includes(bytes)) continue;
    const operation = await prepare(bytes);
    const run = async (count: number) => {
      const start = performance.now();
      await repeat(operation, count);
      return performance.now() - start;
    };
    subjects.push({ subject, implementation, runtime: "node", bytes, run });
  }
  return subjects;
}

function workerdSubjects(workerd: Workerd, name: string, bytes: number): Subject[] {
  return workerd.cases.flatMap(({ subject, implementation, sizes }, index) => {
    if (subject !== name || !sizes.includes(bytes)) return [];
    const run = (count: number) =>
      request(workerd.origin, `/run?case=${index}&bytes=${bytes}&count=${count}`);
    return [{ subject, implementation, runtime: "workerd" as const, bytes, run }];
  });
}

async function startUp(): Promise<string[]> {
  const lines: string[] = [];
  for (const build of ["relaxed", "plain"] as const) {
    const bytes = new Uint8Array(readFileSync(new URL(`../dist/${build}.wasm`, import.meta.url)));
    const start = performance.now();
    const module = compileNow(bytes);
    const compiled = performance.now();
    const key = createCore(module).suiteKey(1, new Uint8Array(32));
    key.encrypt(new Uint8Array(24), new Uint8Array(0), new Uint8Array(32));
    const first = performance.now();
    lines.push(
      `${build}.wasm: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped; compiled in ` +
        `${(compiled - start).toFixed(1)} ms, instantiated to first message ${(first - compiled).toFixed(1)} ms`,
    );
  }
  return lines;
}

function text(rows: readonly Row[], runtime: Row["runtime"]): string {
  const lines: string[] = [];
  for (const subject of new Set(rows.map((row) => row.subject))) {
    const mine = rows.filter((row) => row.subject === subject && row.runtime === runtime);
    if (mine.length === 0) continue;
    const sizes = [...new Set(mine.map((row) => row.bytes))].sort((a, b) => a - b);
    lines.push(
      `\n${subject}, ${runtime}${" ".repeat(40)}`.slice(0, 41) + sizes.map(label).join(""),
    );
    for (const implementation of new Set(mine.map((row) => row.implementation))) {
      const cells = sizes.map((bytes) => {
        const row = mine.find(
          (one) => one.implementation === implementation && one.bytes === bytes,
        );
        return row ? cell(row) : " ".repeat(20);
      });
      lines.push(`  ${implementation.padEnd(38)}${cells.join("")}`);
    }
  }
  return lines.join("\n");
}

function label(bytes: number): string {
  const name =
    bytes >= 1 << 20 ? `${bytes >> 20} MiB` : bytes >= 1024 ? `${bytes >> 10} KiB` : `${bytes} B`;
  return name.padStart(20);
}

function cell({ bytes, nsPerOp }: Row): string {
  const time = nsPerOp < 10_000 ? `${nsPerOp.toFixed(0)} ns` : `${(nsPerOp / 1000).toFixed(0)} us`;
  return `${time.padStart(9)} ${`${((bytes / nsPerOp) * 1000).toFixed(0)}`.padStart(5)} MB/s`;
}

const startUpLines = await startUp(); // first, before anything is warm
const cases = [
  ...coreCases("wasm-core relaxed", await loadModule("relaxed")),
  ...coreCases("wasm-core plain", await loadModule("plain")),
  ...portableRivals(),
  ...nodeRivals(),
].filter(({ subject }) => only === undefined || subject === only);
const workerd = args.includes("--node") ? undefined : await startWorkerd();
const rows: Row[] = [];
try {
  for (const subject of new Set(cases.map((one) => one.subject))) {
    const mine = cases.filter((one) => one.subject === subject);
    for (const bytes of new Set(mine.flatMap(({ sizes }) => sizes))) {
      rows.push(...(await measure(await nodeSubjects(mine, bytes))));
      if (workerd) rows.push(...(await measure(workerdSubjects(workerd, subject, bytes))));
    }
  }
} finally {
  workerd?.stop();
}
if (isJson) console.log(JSON.stringify(rows, null, 1));
else {
  console.log(`${cpus()[0]?.model}, Node ${process.version}; medians of ${ROUNDS}`);
  console.log(text(rows, "node"));
  console.log(text(rows, "workerd"));
  console.log(`\n${promises(rows).join("\n")}\n`);
  for (const line of startUpLines) console.log(line);
  if (workerd) console.log(`workerd: new core to first message ${workerd.firstMs.toFixed(1)} ms`);
}
