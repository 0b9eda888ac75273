/**
 * Clients that never stop asking, each call with its deadline: some use keys at the edge, some change keys. They know what they put in,
 * and so what must come out.
 */

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { base64, createClient, type Kms, newAlias } from "../support/client.ts";
import { edgeKmsJson } from "../support/edge-kms.ts";
import type { CallLog } from "./calls.ts";
import type { World } from "./world.ts";

/** Of a call of the data plane: rights, work in the bridge and the record, each within its own. */
export const DATA_DEADLINE_MS = 30_000;
/** Of a call that is passed on to the control plane: what the edge waits for it, and the way. */
export const CHANGE_DEADLINE_MS = 35_000;
/** How long a lease of the key `short-lived` lasts; an edge that is cut off answers no longer. */
export const SHORT_LEASE_MS = 4_000;

const PAUSE_MS = 50;
const CHANGE_PAUSE_MS = 150;
/** Who has no answer for so long leaves the call to its deadline and goes on, as other clients would. */
const PATIENCE_MS = 3_000;
const KEPT_CIPHERTEXTS = 50;

/** `leased`, `leased SM4`: the edge needs nobody for 180 s. `short-lived`: for 4 s. `proxied`: every call goes to the HSM. */
const roles = ["leased", "leased SM4", "short-lived", "proxied"] as const;

type UsedKey = {
  readonly role: (typeof roles)[number];
  readonly keyId: string;
  readonly kms: Kms;
  readonly sealed: { readonly ciphertext: string; readonly plaintext: string }[];
};

/** A key that a client changes: the states it may be in, by what was acknowledged and what may have happened. */
export type ChangedKey = { readonly keyId: string; states: Set<string> };

export type Clients = {
  readonly log: CallLog;
  readonly changed: readonly ChangedKey[];
  /** Kinds of call that must succeed for the service to count as serving. */
  readonly kinds: readonly string[];
  /** Changes of keys wait while this is so. */
  holdChanges(isHeld: boolean): Promise<void>;
  stop(): Promise<void>;
};

export const kindOf = ({ action, what }: { action: string; what: string }) => `${action} ${what}`;

export async function startClients(world: World, log: CallLog): Promise<Clients> {
  const { system } = world;
  const keys = await Promise.all(
    roles.map(async (role): Promise<UsedKey> => {
      const region = role === "leased SM4" ? "ap-guangzhou" : "ap-singapore";
      const deadlineSeconds = DATA_DEADLINE_MS / 1000;
      const kms = createClient(system, { region, deadlineSeconds });
      const { KeyId: keyId = "" } = await patiently(() => kms.CreateKey({ Alias: newAlias() }));
      return { role, keyId, kms, sealed: [] };
    }),
  );
  const settings = {
    "short-lived": ["--refresh", "1", "--expiry", String(SHORT_LEASE_MS / 1000)],
    proxied: ["--mode", "proxy"],
  } as const;
  for (const { role, keyId } of keys) {
    const options = Reflect.get(settings, role) as readonly string[] | undefined;
    if (options) await edgeKmsJson(system, ["key", "edge-settings", keyId, ...options]);
  }

  let isStopping = false;
  let areChangesHeld = false;
  const changed: ChangedKey[] = [];
  const underWay = new Set<Promise<void>>();
  const loops: Promise<void>[] = [];
  const loop = (pauseMs: number, isHeld: () => boolean, work: () => Promise<void>): void => {
    const run = async (): Promise<void> => {
      while (!isStopping) {
        if (!isHeld()) {
          const round = work();
          underWay.add(round);
          const ended = round.finally(() => underWay.delete(round));
          await Promise.race([ended, sleep(PATIENCE_MS)]);
        }
        await sleep(pauseMs);
      }
    };
    loops.push(run());
  };
  const never = (): boolean => false;
  for (const key of keys) {
    loop(PAUSE_MS, never, () => open(log, key));
    loop(PAUSE_MS, never, async () => {
      await seal(log, key);
      await makeDataKey(log, key);
    });
  }
  for (let n = 0; n < 2; n++) {
    const kms = createClient(system, { deadlineSeconds: CHANGE_DEADLINE_MS / 1000 });
    const areHeld = (): boolean => areChangesHeld;
    loop(CHANGE_PAUSE_MS, areHeld, () =>
      change(log, kms, changed, () => areChangesHeld || isStopping),
    );
  }
  return {
    log,
    changed,
    kinds: [
      ...roles.flatMap((role) => [`Encrypt ${role}`, `Decrypt ${role}`, `GenerateDataKey ${role}`]),
      "CreateKey changed",
      "Encrypt new",
      "DisableKey changed",
      "EnableKey changed",
      "DescribeKey changed",
    ],
    async holdChanges(isHeld) {
      areChangesHeld = isHeld;
      if (isHeld) await Promise.all(underWay);
    },
    async stop() {
      isStopping = true;
      await Promise.all(loops);
      await Promise.all(underWay);
    },
  };
}

/** Before the first fault nothing is judged: a machine that stands still for seconds is not what this is about. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + DATA_DEADLINE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() >= endMs) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

function keep(key: UsedKey, ciphertext: string, plaintext: string): void {
  key.sealed.push({ ciphertext, plaintext });
  if (key.sealed.length > KEPT_CIPHERTEXTS) key.sealed.shift();
}

async function seal(log: CallLog, key: UsedKey): Promise<void> {
  const plaintext = base64(randomBytes(24));
  const answer = await log.note("Encrypt", key.role, () =>
    key.kms.Encrypt({ KeyId: key.keyId, Plaintext: plaintext }),
  );
  if (answer?.CiphertextBlob) keep(key, answer.CiphertextBlob, plaintext);
}

async function open(log: CallLog, key: UsedKey): Promise<void> {
  const one = key.sealed[Math.floor(Math.random() * key.sealed.length)];
  if (one === undefined) return;
  const answer = await log.note("Decrypt", key.role, () =>
    key.kms.Decrypt({ CiphertextBlob: one.ciphertext }),
  );
  if (answer !== null && (answer.Plaintext !== one.plaintext || answer.KeyId !== key.keyId)) {
    log.violations.push(`a wrong plaintext from the key ${key.role}`);
  }
}

async function makeDataKey(log: CallLog, key: UsedKey): Promise<void> {
  const answer = await log.note("GenerateDataKey", key.role, () =>
    key.kms.GenerateDataKey({ KeyId: key.keyId, KeySpec: "AES_256" }),
  );
  if (answer?.CiphertextBlob) keep(key, answer.CiphertextBlob, answer.Plaintext ?? "");
}

/** One key's life: made, used while it is new to the edge, disabled, enabled; at each step it is what was acknowledged. */
async function change(
  log: CallLog,
  kms: Kms,
  changed: ChangedKey[],
  isOver: () => boolean,
): Promise<void> {
  const note = <T extends { RequestId?: string }>(action: string, work: () => Promise<T>) =>
    log.note(action, "changed", work);
  const made = await note("CreateKey", () => kms.CreateKey({ Alias: newAlias() }));
  if (!made?.KeyId) return;
  const KeyId = made.KeyId;
  const key: ChangedKey = { keyId: KeyId, states: new Set(["Enabled"]) };
  changed.push(key);
  await log.note("Encrypt", "new", () => kms.Encrypt({ KeyId, Plaintext: base64("x") }));
  for (const [action, state, work] of [
    ["DisableKey", "Disabled", () => kms.DisableKey({ KeyId })],
    ["EnableKey", "Enabled", () => kms.EnableKey({ KeyId })],
  ] as const) {
    if (isOver()) return;
    // From here on it may have happened.
    key.states.add(state);
    if ((await note(action, work)) !== null) key.states = new Set([state]);
    const told = await note("DescribeKey", () => kms.DescribeKey({ KeyId }));
    if (told !== null) checkState(log, key, told.KeyMetadata?.KeyState);
  }
}

/** A state that was acknowledged is not lost. */
export function checkState(log: CallLog, key: ChangedKey, state: string | undefined): void {
  if (state !== undefined && key.states.has(state)) return;
  log.violations.push(
    `a lost write: a key is ${state ?? "not there"}, and was ${[...key.states].join(" or ")}`,
  );
}
