/** ListAlgorithms: what CreateKey offers in the region. */

import { type KeyUsage, kmsActions, signAlgorithmRows } from "@edge-kms/protocol";
import { suites } from "../../keys/suites.ts";
import { usagesOf } from "../../keys/usages.ts";
import { controlAction } from "../action.ts";

interface Pair {
  readonly KeyUsage: KeyUsage;
  readonly Algorithm: string;
}

const decryption: readonly Pair[] = [
  { KeyUsage: "ASYMMETRIC_DECRYPT_RSA_2048", Algorithm: "RSA_2048" },
  { KeyUsage: "ASYMMETRIC_DECRYPT_SM2", Algorithm: "SM2" },
];

/** A row for each algorithm that SignByAsymmetricKey takes. */
const signing: readonly Pair[] = Object.entries(signAlgorithmRows).map(
  ([Algorithm, { usage }]) => ({
    KeyUsage: usage,
    Algorithm,
  }),
);

export const listAlgorithms = controlAction(kmsActions.ListAlgorithms, {
  async act(call) {
    const offered = usagesOf(call.region);
    const isOffered = ({ KeyUsage }: Pair): boolean => offered.includes(KeyUsage);
    const { algorithm } = suites[call.region.suite];
    const symmetric: Pair = { KeyUsage: "ENCRYPT_DECRYPT", Algorithm: algorithm };
    return {
      SymmetricAlgorithms: [symmetric].filter(isOffered),
      AsymmetricAlgorithms: decryption.filter(isOffered),
      AsymmetricSignVerifyAlgorithms: signing.filter(isOffered),
    };
  },
});
