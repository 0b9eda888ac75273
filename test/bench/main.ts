/** `npm run bench`: every figure that the README quotes, with the machine and the date. `-- --seconds N` per row. */

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { tableHead, tableLine, tableRule } from "../src/faults/run.ts";
import { benchEdge, type EdgeRow } from "./edge.ts";
import { benchFaults } from "./faults.ts";
import { benchManagement } from "./management.ts";
import { benchPairs } from "./pairs.ts";
import { benchRevocation } from "./revocation.ts";
import { benchTiers, leaseOnly, refreshSeconds } from "./tiers.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    revocations: { type: "string", default: "200" },
    faults: { type: "string", default: "1" },
    help: { type: "boolean", short: "h" },
  },
});
if (values.help) {
  console.log(
    "usage: npm run bench -- [--seconds N] [--revocations N] [--faults N]\n" +
      "  --seconds      of load per row of calls, default 5; 0 leaves them out\n" +
      "  --revocations  per row of revocations, default 200; 0 leaves them out\n" +
      "  --faults       rounds of faults, default 1; 0 leaves them out",
  );
  process.exit(0);
}

const head = [
  "call",
  "bytes",
  "connections",
  "requests/s",
  "p50 ms",
  "p99 ms",
  "bare worker/s",
  "ratio",
];

function line(row: EdgeRow): string {
  const { what, bytes, connections, edge, bare } = row;
  const cells = [
    what,
    String(bytes),
    String(connections),
    edge.requestsPerSecond.toFixed(0),
    edge.p50Ms.toFixed(2),
    edge.p99Ms.toFixed(2),
    bare.requestsPerSecond.toFixed(0),
    (edge.requestsPerSecond / bare.requestsPerSecond).toFixed(2),
  ];
  return `| ${cells.join(" | ")} |`;
}

const day = new Date().toISOString().slice(0, 10);
const machine = `${day}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores`;

function printHead(names: readonly string[]): void {
  console.log(`| ${names.join(" | ")} |`);
  console.log(`|${names.map(() => "---").join("|")}|`);
}

async function printCalls(seconds: number): Promise<void> {
  console.log(`Signed calls over HTTP at the edge in workerd serve, ${machine},`);
  console.log(
    "load tool on the same machine; the rival is a worker that only parses and answers JSON.\n",
  );
  printHead(head);
  const { store } = await benchEdge(seconds, (row) => console.log(line(row)));
  console.log(`\nMaster keys in ${store}.\n`);
}

async function printManagement(calls: number): Promise<void> {
  console.log("Management calls through the official SDK, one after the other.\n");
  printHead(["call", "keys in the database", "p50 ms", "p99 ms", "GetRegions p50 ms", "ratio"]);
  await benchManagement(calls, ({ what, keys, p50Ms, p99Ms, bareP50Ms }) => {
    const figures = [p50Ms, p99Ms, bareP50Ms, p50Ms / bareP50Ms].map((n) => n.toFixed(2));
    console.log(`| ${[what, keys, ...figures].join(" | ")} |`);
  });
  console.log("");
}

async function printPairs(calls: number): Promise<void> {
  console.log(
    "Asymmetric keys at the edge and imports, through the official SDK, one after the other.\n",
  );
  printHead(["call", "p50 ms", "p99 ms", "GenerateRandom p50 ms", "ratio"]);
  await benchPairs(calls, ({ what, p50Ms, p99Ms, bareP50Ms }) => {
    const figures = [p50Ms, p99Ms, bareP50Ms, p50Ms / bareP50Ms].map((n) => n.toFixed(2));
    console.log(`| ${[what, ...figures].join(" | ")} |`);
  });
  console.log("");
}

async function printTiers(calls: number): Promise<void> {
  console.log(
    `Encrypt at an edge through the official SDK, one call after the other, by where the branch key is, ${machine}.\n`,
  );
  printHead(["call", "calls", "p50 ms", "p99 ms", "HSM calls per call"]);
  let perLease = Number.NaN;
  await benchTiers(calls, ({ what, calls: made, p50Ms, p99Ms, hsmCallsPerCall }) => {
    if (what === leaseOnly) perLease = hsmCallsPerCall;
    const figures = [p50Ms.toFixed(2), p99Ms.toFixed(2), hsmCallsPerCall.toFixed(4)];
    console.log(`| ${[what, made, ...figures].join(" | ")} |`);
  });
  const enough = (perLease * 10_000) / refreshSeconds;
  console.log(
    `\nAn edge asks for the lease of a key in use every ${refreshSeconds} s: fewer than one HSM call per 10,000 calls from ` +
      `${enough.toFixed(0)} calls/s of a key at an edge.\n`,
  );
}

async function printRevocations(revocations: number): Promise<void> {
  console.log(
    `From the answer of DisableKey to the last answer and the first refusal at any edge,`,
  );
  console.log(`${machine}, every edge a workerd on the same machine.\n`);
  printHead(["edges", "revocations", "what", "p50 ms", "p99 ms", "longest ms"]);
  for (const edges of [1, 10]) {
    const row = await benchRevocation(edges, revocations);
    for (const [what, { p50Ms, p99Ms, maxMs }] of [
      ["last answer", row.lastAnswer],
      ["first refusal", row.firstRefusal],
    ] as const) {
      const figures = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1));
      console.log(`| ${[edges, revocations, what, ...figures].join(" | ")} |`);
    }
  }
  console.log("");
}

async function printFaults(rounds: number): Promise<void> {
  console.log(`Faults while clients use and change keys, ${machine}, all parts on that machine.\n`);
  console.log(`${tableHead}\n${tableRule}`);
  await benchFaults(rounds, (row) => console.log(tableLine(row)));
  console.log("");
}

const [seconds, revocations] = [Number(values.seconds), Number(values.revocations)];
if (seconds > 0) {
  await printCalls(seconds);
  await printManagement(40 * seconds);
  await printPairs(20 * seconds);
  await printTiers(100 * seconds);
}
if (revocations > 0) await printRevocations(revocations);
if (Number(values.faults) > 0) await printFaults(Number(values.faults));
