/** ListAlgorithms: what CreateKey offers in the region. */

import { kmsActions } from "@edge-kms/protocol";
import { suites } from "../../keys/suites.ts";
import { controlAction } from "../action.ts";

export const listAlgorithms = controlAction(kmsActions.ListAlgorithms, {
  async act(call) {
    const { algorithm } = suites[call.region.suite];
    return {
      SymmetricAlgorithms: [{ KeyUsage: "ENCRYPT_DECRYPT", Algorithm: algorithm }],
      AsymmetricAlgorithms: [],
      AsymmetricSignVerifyAlgorithms: [],
    };
  },
});
