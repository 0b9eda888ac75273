/** What an edge hears on the connection it holds, over real WebSockets and two copies of the control plane. */

import { type ControlMessage, defaultCallRates } from "@edge-kms/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { raiseEpochsToAtLeast } from "../db/queries/accounts.ts";
import { encodeHeader } from "../signed-messages/signed-messages.ts";
import { raiseSilently } from "../testing/epochs.ts";
import { type Harness, heartbeatMs, startHarness, type TestEdge } from "../testing/harness.ts";

let h: Harness;
const open: WebSocket[] = [];
beforeAll(async () => {
  h = await startHarness();
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.terminate();
});
afterAll(() => h.close());

interface Held {
  readonly socket: WebSocket;
  readonly heard: ControlMessage[];
  /** Waits for a message that the predicate takes. */
  hears(matches: (message: ControlMessage) => boolean): Promise<ControlMessage>;
  readonly closed: Promise<number>;
}

function connect(url: string, header: string | null, answersPings = true): Promise<Held> {
  const headers = header === null ? {} : { "x-edge-kms-connect": header };
  const socket = new WebSocket(`${url.replace("http", "ws")}/edge/v1/connect`, { headers });
  open.push(socket);
  const heard: ControlMessage[] = [];
  socket.on("message", (data) => {
    const message = JSON.parse(String(data)) as ControlMessage;
    heard.push(message);
    if (message.type === "ping" && answersPings) {
      socket.send(JSON.stringify({ type: "pong", id: message.id }));
    }
  });
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () =>
      resolve({
        socket,
        heard,
        closed,
        hears: async (matches) => {
          await expect.poll(() => heard.some(matches), { timeout: 5_000 }).toBe(true);
          return heard.find(matches) as ControlMessage;
        },
      }),
    );
  });
}

const hello = (edge: TestEdge, more = {}) =>
  encodeHeader(edge.sign("edge-kms/connect/1", { ...edge.origin(), ...more }));

/** Lets the ten seconds pass after which the list of edges is old, a second after each heartbeat. */
async function agesTheList(held: Held): Promise<void> {
  const another = await h.account();
  for (let i = 0; i < 10; i++) {
    h.edge(another);
    const { length } = held.heard;
    await expect.poll(() => held.heard.length, { interval: 10 }).toBeGreaterThan(length);
  }
}

test("hello brings the epochs of the edge's own accounts, and heartbeats follow", async () => {
  const [root] = [await h.account(), await h.account()];
  const held = await connect(h.url, hello(h.edge(root)));
  const first = await held.hears(({ type }) => type === "hello");
  const epoch = { generation: 1, counter: 0 };
  expect(first).toEqual({
    type: "hello",
    epochs: [{ account: root.principal.account, epoch }],
    rates: defaultCallRates,
  });
  expect(held.heard[0]).toBe(first);
  await held.hears((message) => message.type === "ping" && message.id === 2);
});

test("a key disabled on one copy is pushed to the edges of the other, before the next heartbeat", async () => {
  const root = await h.account();
  const KeyId = await root.createKey("pushed");
  const { url } = await h.another();
  const held = await connect(url, hello(h.edge(root)));
  await held.hears(({ type }) => type === "hello");
  const startedMs = performance.now();
  await root.call("DisableKey", { KeyId });
  const pushed = await held.hears(({ type }) => type === "epoch");
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  expect(pushed).toEqual({
    type: "epoch",
    account: root.principal.account,
    epoch: { generation: 1, counter: 1 },
  });
});

test("a lost notice costs a heartbeat at most", async () => {
  const root = await h.account();
  const held = await connect(h.url, hello(h.edge(root)));
  await held.hears(({ type }) => type === "hello");
  await raiseSilently(h.database, root.principal.account);
  const pushed = await held.hears(({ type }) => type === "epoch");
  expect(pushed).toMatchObject({ epoch: { counter: 1 } });
});

test("other accounts' changes are not told", async () => {
  const [root, stranger] = [await h.account(), await h.account()];
  const KeyId = await stranger.createKey("private");
  const held = await connect(h.url, hello(h.edge(root)));
  await held.hears(({ type }) => type === "hello");
  await stranger.call("DisableKey", { KeyId });
  await held.hears((message) => message.type === "ping" && message.id === 2);
  expect(held.heard.some(({ type }) => type === "epoch")).toBe(false);
});

test("what the bridge has seen is pushed too", async () => {
  const root = await h.account();
  const held = await connect(h.url, hello(h.edge(root)));
  await held.hears(({ type }) => type === "hello");
  const { account } = root.principal;
  await h.database.transaction((tx) => raiseEpochsToAtLeast(tx, 1, [{ account, counter: 41 }]));
  const pushed = await held.hears(({ type }) => type === "epoch");
  expect(pushed).toMatchObject({ epoch: { counter: 41 } });
});

describe("is closed to", () => {
  test.each([
    ["requests without a hello", () => null, 400],
    ["a hello that is no message", () => "bm8=", 400],
    [
      "a hello that is too old",
      (edge: TestEdge) => hello(edge, { timeMs: h.clock() - 65_000 }),
      403,
    ],
    ["an unknown edge", (edge: TestEdge) => hello(edge, { edge: "nobody" }), 403],
  ])("%s", async (_name, headerOf, status) => {
    const edge = h.edge(await h.account());
    await expect(connect(h.url, headerOf(edge))).rejects.toThrow(String(status));
  });

  test("a hello sent twice", async () => {
    const header = hello(h.edge(await h.account()));
    await connect(h.url, header);
    await expect(connect(h.url, header)).rejects.toThrow("403");
  });

  test("a frozen edge, also one that is connected already", async () => {
    const edge = h.edge(await h.account());
    const held = await connect(h.url, hello(edge));
    await held.hears(({ type }) => type === "hello");
    h.bridge.freeze("edge", edge.edge);
    expect(await held.closed).toBe(1008);
    // First it heard that its leases are void: nobody could tell it afterwards.
    expect(held.heard.findLast(({ type }) => type === "epoch")).toMatchObject({
      epoch: { counter: 1 },
    });
    await expect(connect(h.url, hello(edge))).rejects.toThrow("403");
  });

  test("an edge that says what it may not", async () => {
    const held = await connect(h.url, hello(h.edge(await h.account())));
    held.socket.send(JSON.stringify({ type: "epoch", account: "1" }));
    expect(await held.closed).toBe(1008);
  });
});

test.each([
  ["answers no heartbeat", false],
  ["answers only heartbeats that are long past", true],
])("an edge that %s is cut off after five seconds", async (_name, isLate) => {
  const account = await h.account();
  const held = await connect(h.url, hello(h.edge(account)), false);
  const first = await held.hears(({ type }) => type === "ping");
  const answering = setInterval(() => {
    if (isLate) held.socket.send(JSON.stringify({ ...first, type: "pong" }));
  }, 100);
  const startedAtMs = Date.now();
  try {
    expect(await held.closed).toBe(1001);
  } finally {
    clearInterval(answering);
  }
  expect(Date.now() - startedAtMs).toBeGreaterThan(4_000);
});

test("without the database there is no heartbeat, so edges do not take old epochs for true ones", async () => {
  const root = await h.account();
  const held = await connect(h.url, hello(h.edge(root)));
  await held.hears(({ type }) => type === "ping");
  const { readPromptly } = h.shared;
  h.shared.readPromptly = async () => {
    throw new Error("gone");
  };
  try {
    await new Promise((resolve) => setTimeout(resolve, heartbeatMs));
    const before = held.heard.length;
    await new Promise((resolve) => setTimeout(resolve, 5 * heartbeatMs));
    expect(held.heard.length).toBe(before);
  } finally {
    h.shared.readPromptly = readPromptly;
  }
  const { length } = held.heard;
  await expect.poll(() => held.heard.length, { timeout: 3_000 }).toBeGreaterThan(length);
});

test("heartbeats do not wait for the bridge", async () => {
  const held = await connect(h.url, hello(h.edge(await h.account())));
  await held.hears(({ type }) => type === "ping");
  const { call } = h.bridge;
  let goOn = (): void => {};
  const hangs = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  h.bridge.call = async (name, request) => {
    if (name === "listEdges") await hangs;
    return call.call(h.bridge, name, request) as never;
  };
  try {
    await agesTheList(held);
    const { length } = held.heard;
    await expect.poll(() => held.heard.length).toBeGreaterThan(length + 2);
  } finally {
    goOn();
    h.bridge.call = call;
  }
});
