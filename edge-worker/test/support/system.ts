/** A control plane and an edge that trusts it, with one account that has a key in each region. */

import { type Account, type Cmk, TestControlPlane } from "./control-plane.ts";
import { type EdgeOptions, TestEdge } from "./edge.ts";

export const AES = "ap-singapore";
export const SM4 = "ap-guangzhou";
export const ACCOUNT = "100000000001";

export interface System {
  readonly controlPlane: TestControlPlane;
  /** `host:port` of the control plane. */
  readonly address: string;
  readonly edge: TestEdge;
  readonly account: Account;
  readonly keys: Readonly<Record<typeof AES | typeof SM4, Cmk>>;
  dispose(): Promise<void>;
}

export async function startSystem(options: EdgeOptions = {}): Promise<System> {
  const controlPlane = new TestControlPlane();
  const address = await controlPlane.listen();
  const account = controlPlane.addAccount(ACCOUNT);
  const keys = {
    [AES]: controlPlane.addKey(ACCOUNT, AES, 1),
    [SM4]: controlPlane.addKey(ACCOUNT, SM4, 2),
  } as const;
  const edge = await TestEdge.create(controlPlane, address, options);
  return {
    controlPlane,
    address,
    edge,
    account,
    keys,
    async dispose() {
      await edge.dispose();
      await controlPlane.close();
    },
  };
}
