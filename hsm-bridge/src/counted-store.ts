/** Calls of the key store, counted where they leave for it: what edges save the HSM shows here and nowhere else. */

import type { KeyStore } from "./key-store.ts";

/** Methods that make the store work. */
const countedMethods = [
  "generateAesKey",
  "importAesKey",
  "aesGcmEncrypt",
  "aesGcmDecrypt",
  "generatePair",
  "rsaDecrypt",
  "sign",
  "destroyKey",
  "hasObject",
  "removeHollowObjects",
  "listObjects",
  "random",
  "selfTest",
] as const satisfies readonly (keyof KeyStore)[];
type CountedMethod = (typeof countedMethods)[number];

/** Calls of each method since the store was opened, failed ones too. */
export type StoreCalls = Readonly<Record<CountedMethod, number>>;

export interface CountedStore {
  readonly store: KeyStore;
  readonly calls: StoreCalls;
}

/** The same store; its calls are counted as they begin. */
export function countCalls(store: KeyStore): CountedStore {
  const calls = Object.fromEntries(countedMethods.map((name) => [name, 0])) as Record<
    CountedMethod,
    number
  >;
  const counted = countedMethods.map((name) => {
    const method = store[name] as (...args: unknown[]) => unknown;
    const call = (...args: unknown[]): unknown => {
      calls[name] += 1;
      return method.apply(store, args);
    };
    return [name, call];
  });
  return {
    calls,
    store: {
      ...(Object.fromEntries(counted) as Pick<KeyStore, CountedMethod>),
      kind: store.kind,
      isReplicated: store.isReplicated,
      pairs: store.pairs,
      get tokens() {
        return store.tokens;
      },
      prove(id) {
        calls.aesGcmEncrypt += 1;
        calls.aesGcmDecrypt += 1;
        return store.prove(id);
      },
      close: () => store.close(),
    },
  };
}
