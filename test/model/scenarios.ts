/** Configurations small enough to look at everything they can do, one per question, and a wide one for random walks. */

import type { Config, Mutation } from "./model.ts";

const base = { tickMs: 3_000, leaseMs: 9_000, maxUnacknowledged: 2, maxOperations: 2 };

export const scenarios = {
  revocation: {
    ...base,
    bounds: { asks: 1, calls: 1, beats: 1, revocations: 1, disconnections: 1, ticks: 2 },
  },
  "revocation while a lease is asked for": {
    ...base,
    bounds: { asks: 1, calls: 1, beats: 2, revocations: 1, ticks: 0 },
  },
  "requests repeated and overtaken": {
    ...base,
    bounds: { asks: 2, calls: 1, repeats: 1, ticks: 0 },
  },
  "permission that was overtaken": {
    ...base,
    bounds: { asks: 2, calls: 0, revocations: 1, enablings: 1, ticks: 0 },
  },
  clocks: { ...base, bounds: { asks: 1, calls: 2, ticks: 3, clockJumps: 1 } },
  "operations of a lease": { ...base, maxOperations: 1, bounds: { asks: 1, calls: 2, ticks: 0 } },
  "frozen key": { ...base, bounds: { asks: 1, calls: 1, freezes: 1, ticks: 0 } },
  "restored bridge": { ...base, bounds: { asks: 1, calls: 1, beats: 1, restores: 1, ticks: 0 } },
  "delivery with lost acknowledgements": {
    ...base,
    bounds: { asks: 1, calls: 2, deliveries: 3, losses: 1, repeats: 1, ticks: 0 },
  },
  "crash and successor": {
    ...base,
    bounds: { asks: 1, calls: 2, deliveries: 2, crashes: 1, ticks: 0 },
  },
  "lost storage": {
    ...base,
    bounds: {
      asks: 1,
      calls: 3,
      deliveries: 0,
      crashes: 1,
      lostStorages: 1,
      writeOffs: 1,
      ticks: 0,
    },
    maxOperations: 3,
  },
  copies: {
    ...base,
    bounds: { asks: 1, calls: 1, beats: 1, copyCrashes: 1, revocations: 1, ticks: 1 },
  },
} as const satisfies Record<string, Config>;
export type Scenario = keyof typeof scenarios;

/** Everything at once, with real times: far too much to look at all of it. */
export const wide: Config = {
  tickMs: 1_000,
  leaseMs: 12_000,
  maxUnacknowledged: 3,
  maxOperations: 4,
  bounds: {
    asks: 12,
    calls: 30,
    beats: 60,
    revocations: 3,
    enablings: 3,
    freezes: 1,
    restores: 1,
    crashes: 3,
    lostStorages: 1,
    losses: 8,
    repeats: 8,
    disconnections: 6,
    clockJumps: 3,
    writeOffs: 2,
    deliveries: 30,
    copyCrashes: 3,
    bridgeRestarts: 2,
    ticks: 60,
  },
};

/** Where each broken rule shows. */
export const shownIn: Readonly<Record<Mutation, Scenario>> = {
  "expiry-checked-at-start": "clocks",
  "clock-read-before-work": "clocks",
  "no-high-water-mark": "clocks",
  "duration-counted-from-arrival": "clocks",
  "epoch-not-checked-at-commit": "revocation",
  "older-epoch-lowers-the-known-one": "revocation while a lease is asked for",
  "epoch-compared-by-counter-only": "restored bridge",
  "bridge-forgets-highest-epoch": "permission that was overtaken",
  "bridge-grants-frozen": "frozen key",
  "nonce-granted-twice": "requests repeated and overtaken",
  "heartbeat-without-reading": "revocation",
  "state-and-epoch-read-apart": "revocation",
  "revocation-without-epoch": "revocation",
  "grant-not-compared-with-request": "requests repeated and overtaken",
  "lease-outlives-crash": "crash and successor",
  "answer-before-sync": "crash and successor",
  "acknowledged-before-stored": "delivery with lost acknowledgements",
  "deleted-before-acknowledged": "delivery with lost acknowledgements",
  "repeated-delivery-stored-again": "delivery with lost acknowledgements",
  "sequence-begins-again": "delivery with lost acknowledgements",
  "budget-not-checked": "lost storage",
  "grant-passed-on-before-budget-written": "lost storage",
  "settled-with-records-waiting": "crash and successor",
  "operations-not-counted": "operations of a lease",
};
