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
  const counted = <N extends CountedMethod>(name: N): KeyStore[N] => {
    const method = store[name] as (...args: unknown[]) => unknown;
    const call = (...args: unknown[]): unknown => {
      calls[name] += 1;
      return method.apply(store, args);
    };
    return call as KeyStore[N];
  };
  return {
    calls,
    store: {
      kind: store.kind,
      pairs: store.pairs,
      get tokens() {
        return store.tokens;
      },
      generateAesKey: counted("generateAesKey"),
      importAesKey: counted("importAesKey"),
      aesGcmEncrypt: counted("aesGcmEncrypt"),
      aesGcmDecrypt: counted("aesGcmDecrypt"),
      generatePair: counted("generatePair"),
      rsaDecrypt: counted("rsaDecrypt"),
      sign: counted("sign"),
      destroyKey: counted("destroyKey"),
      removeHollowObjects: counted("removeHollowObjects"),
      listObjects: counted("listObjects"),
      random: counted("random"),
      selfTest: counted("selfTest"),
      close: () => store.close(),
    },
  };
}
