/**
 * LISTEN on a connection of its own, opened again whenever it breaks. A connection can be dead without a word, and whoever only
 * listens would never know: it is asked for an answer every second.
 */

import { Socket } from "node:net";
import pg from "pg";
import type { Listener } from "./database.ts";
import { translatingErrors } from "./errors.ts";

const probeEveryMs = 1_000;
const probeTimeoutMs = 1_500;
const relistenAfterMs = 250;

/** @see Database.listen */
export async function listen(
  connection: pg.ClientConfig,
  channel: string,
  onNotice: () => void,
): Promise<Listener> {
  let isClosed = false;
  let hangUp: (() => void) | null = null;
  let timer: NodeJS.Timeout | undefined;

  const connect = async (): Promise<void> => {
    const socket = new Socket();
    const client = new pg.Client({
      ...connection,
      stream: () => socket,
      query_timeout: probeTimeoutMs,
    });
    let probe: NodeJS.Timeout | undefined;
    let isOver = false;
    const end = (): void => {
      isOver = true;
      clearTimeout(probe);
      // Not in order: a server that is silent would not take part.
      socket.destroy();
    };
    const lost = (): void => {
      if (isOver) return;
      end();
      if (!isClosed) timer = setTimeout(retry, relistenAfterMs);
    };
    const askAgain = (): void => {
      probe = setTimeout(() => {
        client.query("select 1").then(() => {
          if (!isOver) askAgain();
        }, lost);
      }, probeEveryMs);
    };
    client.on("notification", onNotice);
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(channel)}`);
    } catch (error) {
      end();
      throw error;
    }
    client.on("error", lost);
    client.on("end", lost);
    if (isClosed) return end();
    hangUp = end;
    askAgain();
    onNotice();
  };
  const retry = (): void => {
    connect().catch(() => {
      if (!isClosed) timer = setTimeout(retry, relistenAfterMs);
    });
  };

  await translatingErrors(connect);
  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      hangUp?.();
    },
  };
}
