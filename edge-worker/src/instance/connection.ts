/**
 * The connection held to the control plane (protocol/src/wire/connection.ts): it brings the epochs that void leases
 * (promise P2), and how many calls are served a second. Silence for five seconds counts as lost; it is opened again with growing, random pauses.
 */

import {
  CONNECT_HEADER,
  controlMessage,
  type EdgeMessage,
  signedMessageTypes,
} from "@edge-kms/protocol";
import * as v from "valibot";
import { encodeMessageHeader } from "../signing/ed25519.ts";
import type { Epochs } from "./epochs.ts";
import type { Rates } from "./rates.ts";
import { isHeard } from "./rules.ts";
import { type Upstream, UpstreamError } from "./upstream.ts";

const WATCH_MS = 1_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** Longest frame that is read: `hello` with the epochs of some thousands of accounts. */
const MAX_FRAME_CHARS = 512 * 1024;

export class Connection {
  readonly #upstream: Upstream;
  readonly #epochs: Epochs;
  readonly #rates: Rates;
  readonly #onConnected: () => void;
  #socket: WebSocket | null = null;
  #heardAtMs = 0;
  #failures = 0;

  /** @param onConnected what to do when the control plane is there again. */
  constructor(upstream: Upstream, epochs: Epochs, rates: Rates, onConnected: () => void) {
    this.#upstream = upstream;
    this.#epochs = epochs;
    this.#rates = rates;
    this.#onConnected = onConnected;
  }

  get isConnected(): boolean {
    return this.#socket !== null && isHeard(this.#heardAtMs, Date.now());
  }

  /** Connects, and stays connected as long as the instance lives. */
  start(): void {
    setInterval(() => this.#watch(), WATCH_MS);
    void this.#connect();
  }

  async #connect(): Promise<void> {
    try {
      const { message } = await this.#upstream.sign(
        signedMessageTypes.connect,
        this.#upstream.origin(),
      );
      const socket = await this.#upstream.openWebSocket(
        "/edge/v1/connect",
        CONNECT_HEADER,
        encodeMessageHeader(message),
      );
      this.#socket = socket;
      this.#heardAtMs = Date.now();
      socket.addEventListener("message", (event) => this.#hear(socket, event.data));
      socket.addEventListener("close", () => this.#lose(socket));
      socket.addEventListener("error", () => this.#lose(socket));
      socket.accept();
      this.#onConnected();
    } catch (thrown) {
      if (this.#failures === 0) {
        const text = thrown instanceof UpstreamError ? thrown.message : "cannot connect";
        console.error(`connection to the control plane: ${text}`);
      }
      this.#connectLater();
    }
  }

  #connectLater(): void {
    this.#failures += 1;
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10));
    setTimeout(() => void this.#connect(), longest * (0.5 + 0.5 * Math.random()));
  }

  #hear(socket: WebSocket, data: unknown): void {
    if (socket !== this.#socket) return;
    const message = readFrame(data);
    if (message === null) {
      console.error("connection to the control plane: a frame of unknown form");
      this.#lose(socket);
      return;
    }
    this.#heardAtMs = Date.now();
    this.#failures = 0;
    switch (message.type) {
      case "hello":
        for (const { account, epoch } of message.epochs) this.#epochs.raise(account, epoch);
        if (message.rates !== undefined) this.#rates.set(message.rates);
        return;
      case "epoch":
        this.#epochs.raise(message.account, message.epoch);
        return;
      case "ping":
        socket.send(JSON.stringify({ type: "pong", id: message.id } satisfies EdgeMessage));
        return;
    }
  }

  #watch(): void {
    const socket = this.#socket;
    if (socket !== null && !isHeard(this.#heardAtMs, Date.now())) this.#lose(socket);
  }

  #lose(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    try {
      socket.close(1000);
    } catch {
      // Closed already.
    }
    this.#connectLater();
  }
}

function readFrame(data: unknown): v.InferOutput<typeof controlMessage> | null {
  if (typeof data !== "string" || data.length > MAX_FRAME_CHARS) return null;
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return null;
  }
  const parsed = v.safeParse(controlMessage, json);
  return parsed.success ? parsed.output : null;
}
