import { expect, test } from "vitest";
import { BodyRoom, readBody } from "./request-body.ts";

const KIB = 1024;
const LIMIT = 10 * 1024 * KIB;

/** A body of pieces, one per `push`. */
function upload() {
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      source = controller;
    },
  });
  const request = new Request("http://edge/", { method: "POST", body, duplex: "half" });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  return {
    request,
    push: (kib: number) => {
      source?.enqueue(new Uint8Array(kib * KIB));
      return settle();
    },
    end: () => source?.close(),
    breakOff: () => source?.error(new Error("the client went away")),
  };
}

async function lengthOf(kib: number, room: BodyRoom, limit = LIMIT): Promise<number | string> {
  const { request, push, end } = upload();
  const place = room.place();
  const reading = readBody(request, limit, place);
  for (let sent = 0; sent < kib; sent += 50) await push(Math.min(50, kib - sent));
  end();
  const read = await reading.finally(() => place.release());
  return typeof read === "string" ? read : read.length;
}

test("bodies beyond 64 KiB share the room, small ones need none", async () => {
  const room = new BodyRoom(100 * KIB);
  expect(await lengthOf(164, room)).toBe(164 * KIB);
  const held = upload();
  const place = room.place();
  const reading = readBody(held.request, LIMIT, place);
  await held.push(150);
  expect(await lengthOf(64, room)).toBe(64 * KIB);
  expect(await lengthOf(78, room)).toBe(78 * KIB);
  expect(await lengthOf(79, room)).toBe("RequestLimitExceeded");
  held.end();
  expect(await reading).toHaveLength(150 * KIB);
  // Held until the call is answered, not only while it is read.
  expect(await lengthOf(79, room)).toBe("RequestLimitExceeded");
  place.release();
  place.release();
  expect(room.heldBytes).toBe(0);
  expect(await lengthOf(164, room)).toBe(164 * KIB);
});

test("a body with its length announced shares the room as well", async () => {
  const room = new BodyRoom(100 * KIB);
  const ask = (kib: number) => {
    const body = new Uint8Array(kib * KIB);
    const headers = { "content-length": String(body.length) };
    return readBody(
      new Request("http://edge/", { method: "POST", body, headers }),
      LIMIT,
      room.place(),
    );
  };
  expect(await ask(165)).toBe("RequestLimitExceeded");
  expect(await ask(64)).toHaveLength(64 * KIB);
});

test("the room is given back when a body is too long, breaks off, or finds none", async () => {
  const room = new BodyRoom(100 * KIB);
  expect(await lengthOf(140, room, 130 * KIB)).toBe("RequestSizeLimitExceeded");
  expect(await lengthOf(300, room)).toBe("RequestLimitExceeded");
  expect(room.heldBytes).toBe(0);
  const { request, push, breakOff } = upload();
  const place = room.place();
  const reading = readBody(request, LIMIT, place).finally(() => place.release());
  await push(120);
  expect(room.heldBytes).toBe(56 * KIB);
  breakOff();
  await expect(reading).rejects.toThrow();
  expect(room.heldBytes).toBe(0);
});

test("a body that has not moved for two minutes loses its place to others", async () => {
  let nowMs = 0;
  const room = new BodyRoom(100 * KIB, () => nowMs);
  const stalled = upload();
  const place = room.place();
  const reading = readBody(stalled.request, LIMIT, place);
  await stalled.push(164);
  nowMs = 119_000;
  expect(await lengthOf(65, room)).toBe("RequestLimitExceeded");
  nowMs = 120_000;
  expect(await lengthOf(164, room)).toBe(164 * KIB);
  await stalled.push(1);
  stalled.end();
  expect(await reading).toBe("RequestLimitExceeded");
  place.release();
  expect(room.heldBytes).toBe(0);
});
