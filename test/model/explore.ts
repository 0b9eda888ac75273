/** Walks through the states of the model: all of a small configuration, breadth first, or one long random path. */

import { type Config, initial, type State, successors } from "./model.ts";

export interface Found {
  readonly broken: string;
  /** The steps that lead there. */
  readonly trace: readonly string[];
}

export interface Explored {
  readonly states: number;
  /** Whether nothing was left to look at. */
  readonly isComplete: boolean;
  readonly found: Found | null;
  /** Labels of all steps that were taken anywhere. */
  readonly labels: ReadonlySet<string>;
}

interface Node {
  readonly state: State;
  readonly label: string;
  readonly from: Node | null;
}

/** Everything that can be reached, or as many states as allowed. The first counterexample is a shortest one. */
export function exploreAll(config: Config, maxStates: number): Explored {
  const labels = new Set<string>();
  const seen = new Set<string>([fingerprint(initial())]);
  let layer: Node[] = [{ state: initial(), label: "", from: null }];
  while (layer.length > 0) {
    const next: Node[] = [];
    for (const node of layer) {
      for (const [label, state] of successors(node.state, config)) {
        labels.add(label);
        const name = fingerprint(state);
        if (seen.has(name)) continue;
        seen.add(name);
        const reached = { state, label, from: node };
        if (state.broken !== null) {
          const found = { broken: state.broken, trace: traceOf(reached) };
          return { states: seen.size, isComplete: false, found, labels };
        }
        next.push(reached);
      }
      if (seen.size > maxStates)
        return { states: seen.size, isComplete: false, found: null, labels };
    }
    layer = next;
  }
  return { states: seen.size, isComplete: true, found: null, labels };
}

/** One path of so many steps at most, chosen by the seed. */
export function walk(config: Config, seed: number, steps: number): Found | null {
  const random = mulberry32(seed);
  let state = initial();
  const trace: string[] = [];
  for (let n = 0; n < steps; n++) {
    const all = successors(state, config);
    const chosen = all[Math.floor(random() * all.length)];
    if (chosen === undefined) return null;
    trace.push(chosen[0]);
    state = chosen[1];
    if (state.broken !== null) return { broken: state.broken, trace };
  }
  return null;
}

export function describeFound({ broken, trace }: Found): string {
  return [broken, ...trace.map((label, index) => `  ${index + 1}. ${label}`)].join("\n");
}

/** Messages on their way have no order, and the two copies no identity but the one that holds the connection. */
function fingerprint(state: State): string {
  const net = state.net.map((message) => JSON.stringify(message)).sort();
  const isSwapped =
    state.memory?.connection?.copy === 1 ||
    (!state.memory?.connection && !state.copies[0] && state.copies[1]);
  if (!isSwapped) return JSON.stringify({ ...state, net });
  const [first, second] = state.copies;
  const connection = state.memory?.connection ? { ...state.memory.connection, copy: 0 } : null;
  const memory = state.memory === null ? null : { ...state.memory, connection };
  return JSON.stringify({ ...state, net, memory, copies: [second, first] });
}

function traceOf(node: Node): string[] {
  const trace: string[] = [];
  for (let at: Node | null = node; at?.from; at = at.from) trace.unshift(at.label);
  return trace;
}

/** Tommy Ettinger's mulberry32: 32 bits of state, enough to repeat a walk from its seed. */
function mulberry32(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
