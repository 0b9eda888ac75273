/** That a broken link breaks as it says: what passes it, what does not, and that it is whole again. */

import { Agent, createServer, request, type Server } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type FaultProxy, type LinkState, startFaultProxy } from "./fault-proxy.ts";

const text = "x".repeat(4_000);
let server: Server;
let proxy: FaultProxy;
let agent: Agent;

beforeEach(async () => {
  server = createServer((_, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  proxy = await startFaultProxy([() => ({ host: "127.0.0.1", port })]);
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
});
afterEach(async () => {
  agent.destroy();
  await proxy.close();
  server.closeAllConnections();
  server.close();
});

/** The body of an answer, or why there was none within so long. */
function get(withinMs = 500, keepAlive = agent): Promise<string> {
  return new Promise((resolve) => {
    const sent = request(
      { port: proxy.port, agent: keepAlive, signal: AbortSignal.timeout(withinMs) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const body = Buffer.concat(chunks).toString("latin1");
          resolve(response.statusCode === 200 ? body : `HTTP ${response.statusCode}`);
        });
        response.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
      },
    );
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
    sent.end();
  });
}

it.each<[LinkState, RegExp]>([
  ["refuse", /^ECONN(REFUSED|RESET)$/],
  ["reset", /^ECONNRESET$/],
  ["drop", /^ABORT_ERR$|TimeoutError/],
  ["corrupt", /[^x]/],
])("%s, on connections that were there and new ones, and then whole again", async (state, seen) => {
  expect(await get()).toBe(text);
  await proxy.become(state);
  for (let n = 0; n < 3; n++) expect(await get()).toMatch(seen);
  await proxy.become("whole");
  // What had its connection cut off makes another.
  agent.destroy();
  agent = new Agent();
  expect(await get(5_000)).toBe(text);
});

it("slow, and everything arrives", async () => {
  await proxy.become("slow");
  const startMs = performance.now();
  expect(await get(10_000)).toBe(text);
  expect(performance.now() - startMs).toBeGreaterThan(300);
});

it("a connection from the time of silence stays silent", async () => {
  await proxy.become("drop");
  const socket = connect(proxy.port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  await proxy.become("whole");
  let isHeard = false;
  socket.on("data", () => {
    isHeard = true;
  });
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  expect(await get(5_000, new Agent())).toBe(text);
  expect(isHeard).toBe(false);
  socket.destroy();
});
