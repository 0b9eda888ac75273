/** `npm run bench`: every figure that the README quotes, with the machine and the date. `-- --seconds N` per row. */

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { benchEdge, type EdgeRow } from "./edge.ts";
import { benchManagement } from "./management.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "5" }, help: { type: "boolean", short: "h" } },
});
if (values.help) {
  console.log("usage: npm run bench -- [--seconds N]     seconds of load per row, default 5");
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
console.log(
  `Signed calls over HTTP at the edge in workerd serve, ${day}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores,`,
);
console.log(
  "load tool on the same machine; the rival is a worker that only parses and answers JSON.\n",
);
console.log(`| ${head.join(" | ")} |`);
console.log(`|${head.map(() => "---").join("|")}|`);
const { store } = await benchEdge(Number(values.seconds), (row) => console.log(line(row)));
console.log(`\nMaster keys in ${store}.`);

console.log("\nManagement calls through the official SDK, one after the other.\n");
console.log("| call | keys in the database | p50 ms | p99 ms | GetRegions p50 ms | ratio |");
console.log("|---|---|---|---|---|---|");
await benchManagement(40 * Number(values.seconds), ({ what, keys, p50Ms, p99Ms, bareP50Ms }) => {
  const cells = [
    what,
    keys,
    ...[p50Ms, p99Ms, bareP50Ms, p50Ms / bareP50Ms].map((n) => n.toFixed(2)),
  ];
  console.log(`| ${cells.join(" | ")} |`);
});
