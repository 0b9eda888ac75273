/** The body of a request, read no further than allowed. */

/** A client that sends more than it may is heard out up to this, so that it reads the refusal, and nothing is kept. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

const empty = new Uint8Array(0);

/** The bytes, or null when there are more than `limit`. */
export async function readBody(
  request: Request,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (request.method === "GET") return empty;
  const announced = request.headers.get("content-length");
  // The runtime holds a body to its announced length.
  if (announced !== null && Number(announced) <= limit) {
    return new Uint8Array(await request.arrayBuffer());
  }
  return request.body === null ? empty : readCounted(request.body, limit);
}

async function readCounted(
  stream: ReadableStream<Uint8Array>,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  let chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
    else chunks = [];
    if (length > MAX_DISCARDED_BYTES) break;
  }
  if (length > limit) return null;
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}
