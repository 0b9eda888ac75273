/** ListAlgorithms: what CreateKey offers in the region. */

import { type KeyUsage, kmsActions } from "@edge-kms/protocol";
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

/** A row for each usage: kinds of keys, as in the official example, and not what SignByAsymmetricKey takes. */
const signing: readonly Pair[] = [
  { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_SM2", Algorithm: "SM2" },
  { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECC", Algorithm: "ECC_P256_R1" },
  { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_RSA_2048", Algorithm: "RSA_2048" },
  { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECDSA384", Algorithm: "ECC_P384_R1" },
];

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
