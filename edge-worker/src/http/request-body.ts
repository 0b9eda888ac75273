/**
 * The body of a request, read no further than allowed. Nobody has to be known in order to send ten megabytes, and an isolate
 * has 128: what bodies have beyond a small call's need, they have from one room.
 */

import { joined } from "./read-at-most.ts";

/** A client that sends more than it may is heard out up to this, so that it reads the refusal, and nothing is kept. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
/** Of each body so much is taken whatever else is under way: more than any call of the data plane needs. */
const ALWAYS_TAKEN_BYTES = 64 * 1024;
const ROOM_BYTES = 32 * 1024 * 1024;
/**
 * The runtime may end a request whose client is gone without running its `finally`. A place that has not moved for so long
 * is taken away when others need it: longer than any call takes once its body is read.
 */
const ABANDONED_MS = 120_000;

const empty = new Uint8Array(0);

/** What the bodies of one isolate may hold together. */
export class BodyRoom {
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #places = new Set<BodyPlace>();
  #heldBytes = 0;

  constructor(maxBytes: number = ROOM_BYTES, now: () => number = Date.now) {
    this.#maxBytes = maxBytes;
    this.#now = now;
  }

  /** Beyond what each body has anyway. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A place for one body, empty yet. Whoever asks releases it when the call is answered, on every way out. */
  place(): BodyPlace {
    return new BodyPlace(this);
  }

  /** Whether a place may hold so much; if so, it does from now on. */
  hold(place: BodyPlace, bytes: number): boolean {
    const now = this.#now();
    if (this.#heldBytes + bytes - place.heldBytes > this.#maxBytes) this.#evict(place, now);
    const total = this.#heldBytes + bytes - place.heldBytes;
    if (total > this.#maxBytes) return false;
    this.#heldBytes = total;
    place.heldBytes = bytes;
    place.movedAtMs = now;
    if (bytes > 0) this.#places.add(place);
    return true;
  }

  leave(place: BodyPlace): void {
    this.#places.delete(place);
    this.#heldBytes -= place.heldBytes;
    place.heldBytes = 0;
  }

  #evict(asking: BodyPlace, now: number): void {
    for (const place of this.#places) {
      if (place !== asking && now - place.movedAtMs >= ABANDONED_MS) place.revoke();
    }
  }
}

/** One body's place in the room. */
export class BodyPlace {
  /** The room's own bookkeeping. */
  heldBytes = 0;
  movedAtMs = 0;
  readonly #room: BodyRoom;
  #chunks: Uint8Array[] = [];
  #isRevoked = false;

  constructor(room: BodyRoom) {
    this.#room = room;
  }

  /** Keeps a chunk, which makes the body so long; false when there is no room, and then nothing is kept any more. */
  keep(chunk: Uint8Array, length: number): boolean {
    const beyond = Math.max(0, length - ALWAYS_TAKEN_BYTES);
    if (this.#isRevoked || !this.#room.hold(this, beyond)) {
      this.revoke();
      return false;
    }
    this.#chunks.push(chunk);
    return true;
  }

  /** All that was kept, which is handed over; null when it was taken away meanwhile. */
  take(length: number): Uint8Array<ArrayBuffer> | null {
    if (this.#isRevoked) return null;
    const body = joined(this.#chunks, length);
    this.#chunks = [];
    return body;
  }

  /** Drops what is kept, for good. */
  revoke(): void {
    this.#isRevoked = true;
    this.release();
  }

  /** May be called again. */
  release(): void {
    this.#chunks = [];
    this.#room.leave(this);
  }
}

export type BodyRefusal = "RequestSizeLimitExceeded" | "RequestLimitExceeded";

/** The bytes, or why not. `place` keeps its room until it is released. @throws when the body breaks off. */
export async function readBody(
  request: Request,
  limit: number,
  place: BodyPlace,
): Promise<Uint8Array<ArrayBuffer> | BodyRefusal> {
  if (request.method === "GET") return empty;
  const announced = request.headers.get("content-length");
  // The runtime holds a body to its announced length.
  if (announced !== null && Number(announced) <= ALWAYS_TAKEN_BYTES) {
    return new Uint8Array(await request.arrayBuffer());
  }
  return request.body === null ? empty : readCounted(request.body, limit, place);
}

async function readCounted(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  place: BodyPlace,
): Promise<Uint8Array<ArrayBuffer> | BodyRefusal> {
  let length = 0;
  let hasRoom = true;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > limit) place.revoke();
    else hasRoom &&= place.keep(chunk, length);
    if (length > MAX_DISCARDED_BYTES) break;
  }
  if (length > limit) return "RequestSizeLimitExceeded";
  return (hasRoom ? place.take(length) : null) ?? "RequestLimitExceeded";
}
