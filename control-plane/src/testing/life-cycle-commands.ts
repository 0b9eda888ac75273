/** Random sequences of actions, each performed by a system and by {@link LifeCycleModel}, and what both then say of all keys. */

import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import type { Filter, Kind, LifeCycleModel } from "./life-cycle-model.ts";

export interface Answer {
  readonly code: string | undefined;
  readonly response: Record<string, unknown>;
}

/** The system's side, of an account that nobody else uses. */
export interface LifeCycleSystem {
  call(action: string, params: object): Promise<Answer>;
  /** The time of the next call, later than that of the one before. */
  tick(): number;
  /** Lets time pass; absent where it cannot be moved. */
  readonly pass?: (ms: number) => void;
  /** All keys as ListKeyDetail shows them, oldest first. */
  describe(): Promise<unknown>;
  /** Does what is due, where that does not come by itself. */
  settle(): Promise<void>;
  /** `EncryptedKeyMaterial` of material that the model knows by this name. */
  wrap(material: string, publicKey: string): string;
  /** By how many seconds its times may differ from the model's. */
  readonly toleranceSeconds: number;
}

type Command = fc.AsyncCommand<LifeCycleModel, LifeCycleSystem>;
type Perform<A> = (model: LifeCycleModel, system: LifeCycleSystem, args: A) => Promise<void>;

class Step<A> implements Command {
  readonly #name: string;
  readonly #args: A;
  readonly #perform: Perform<A>;
  constructor(name: string, args: A, perform: Perform<A>) {
    this.#name = name;
    this.#args = args;
    this.#perform = perform;
  }
  check(): boolean {
    return true;
  }
  async run(model: LifeCycleModel, system: LifeCycleSystem): Promise<void> {
    await this.#perform(model, system, this.#args);
    if (model.settle()) await system.settle();
    await compare(model, system);
  }
  toString(): string {
    return `${this.#name} ${JSON.stringify(this.#args)}`;
  }
}

const step = <A>(name: string, args: fc.Arbitrary<A>, perform: Perform<A>): fc.Arbitrary<Command> =>
  args.map((one) => new Step(name, one, perform));

// Which key: mostly one of those that were made, by its place; now and then none.
const unknownId = "00000000-0000-4000-8000-000000000000";
const target = fc.oneof(
  { weight: 24, arbitrary: fc.constant(0) },
  { weight: 12, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.constantFrom(unknownId, "malformed") },
);
type Target = number | string;
const idOf = (model: LifeCycleModel, which: Target): string =>
  typeof which === "string" ? which : (model.keys[which % model.keys.length]?.id ?? unknownId);

const dayMs = 86_400_000;
const alias = fc.constantFrom("a", "b", "c", "d-1", "kms-e", "-f");
const kind = fc.constantFrom<Kind>("symmetric", "symmetric", "external", "external", "asymmetric");
const kinds = {
  symmetric: {},
  external: { Type: 2 },
  asymmetric: { KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECC" },
} as const;
const usages = ["", "ALL", "ENCRYPT_DECRYPT", "ASYMMETRIC_SIGN_VERIFY_ECC", "unknown"];
const filter: fc.Arbitrary<Filter> = fc.record({
  KeyState: fc.nat(5),
  Origin: fc.constantFrom("", "ALL", "TENCENT_KMS", "EXTERNAL"),
  KeyUsage: fc.constantFrom(...usages),
  SearchKeyAlias: fc.constantFrom("", "", "a", "-1"),
  OrderType: fc.nat(1),
  Offset: fc.nat(2),
  Limit: fc.constantFrom(1, 2, 200),
});

async function createKey(
  model: LifeCycleModel,
  system: LifeCycleSystem,
  [Alias, which]: readonly [string, Kind],
): Promise<void> {
  const params = { Alias, ...kinds[which] };
  const refused = () => model.refusedCreation(Alias);
  const response = await perform(model, system, "CreateKey", params, refused);
  if (response !== null) model.created(String(response.KeyId), Alias, which);
}

/** What sequences begin with: keys in use, so that little of what follows is about keys that are none. */
export const beginnings: fc.Arbitrary<Command[]> = fc
  .constantFrom<Kind[]>(["external"], ["external", "symmetric"], ["symmetric"], ["asymmetric"], [])
  .map((made) => [
    ...made.map((one) => new Step("CreateKey", [`first-${one}`, one] as const, createKey)),
    ...(made[0] === "external"
      ? [
          new Step(
            "import",
            { which: 0, from: null, material: "one", validForDays: 10 },
            importMaterial,
          ),
        ]
      : []),
  ]);

/** Sequences of at most so many steps. */
export function lifeCycleSequences(maxCommands: number, canPassTime: boolean) {
  const simple = (
    name: string,
    refused: (model: LifeCycleModel, id: string) => readonly string[],
    params: object = {},
  ) =>
    step(name, target, async (model, system, which) => {
      const KeyId = idOf(model, which);
      await perform(model, system, name, { ...params, KeyId }, () => refused(model, KeyId));
    });
  const both = fc.uniqueArray(target, { minLength: 1, maxLength: 2 });
  const batch = (name: string, isEnabled: boolean) =>
    step(name, both, async (model, system, which) => {
      const KeyIds = [...new Set(which.map((one) => idOf(model, one)))];
      await perform(model, system, name, { KeyIds }, () => model.setEnabled(KeyIds, isEnabled));
    });
  const binding = { ProductId: "ssm" };
  const steps = [
    step("CreateKey", fc.tuple(alias, kind), createKey),
    simple("EnableKey", (model, id) => model.setEnabled([id], true)),
    simple("DisableKey", (model, id) => model.setEnabled([id], false)),
    batch("EnableKeys", true),
    batch("DisableKeys", false),
    simple("ArchiveKey", (model, id) => model.archive(id)),
    simple("CancelKeyArchive", (model, id) => model.cancelArchive(id)),
    simple("CancelKeyDeletion", (model, id) => model.cancelDeletion(id)),
    simple("DisableKeyRotation", (model, id) => model.disableRotation(id)),
    simple("RotateKey", (model, id) => model.rotate(id)),
    simple("DeleteImportedKeyMaterial", (model, id) => model.deleteMaterial(id)),
    step("UpdateAlias", fc.tuple(target, alias), async (model, system, [which, Alias]) => {
      const KeyId = idOf(model, which);
      const params = { KeyId, Alias };
      await perform(model, system, "UpdateAlias", params, () => model.rename(KeyId, Alias));
    }),
    step(
      "ScheduleKeyDeletion",
      fc.tuple(target, fc.constantFrom(7, 7, 30, 6, 31)),
      async (model, system, [which, PendingWindowInDays]) => {
        const KeyId = idOf(model, which);
        const params = { KeyId, PendingWindowInDays };
        await perform(model, system, "ScheduleKeyDeletion", params, () =>
          model.scheduleDeletion(KeyId, PendingWindowInDays),
        );
      },
    ),
    step(
      "EnableKeyRotation",
      fc.tuple(target, fc.constantFrom(7, 30, 365, 6, 366)),
      async (model, system, [which, RotateDays]) => {
        const KeyId = idOf(model, which);
        await perform(model, system, "EnableKeyRotation", { KeyId, RotateDays }, () =>
          model.enableRotation(KeyId, RotateDays),
        );
      },
    ),
    step("BindCloudResource", fc.tuple(target, fc.nat(1)), async (model, system, [which, n]) => {
      const KeyId = idOf(model, which);
      const params = { ...binding, KeyId, ResourceId: `r${n}` };
      await perform(model, system, "BindCloudResource", params, () => model.bind(KeyId, `r${n}`));
    }),
    step("UnbindCloudResource", fc.tuple(target, fc.nat(1)), async (model, system, [which, n]) => {
      const KeyId = idOf(model, which);
      const params = { ...binding, KeyId, ResourceId: `r${n}` };
      const refused = () => model.unbind(KeyId, `r${n}`);
      await perform(model, system, "UnbindCloudResource", params, refused);
    }),
    step("import", importing, importMaterial),
    step("import", importing, importMaterial),
    step("ListKeyDetail", filter, async (model, system, params) => {
      const response = await perform(model, system, "ListKeyDetail", params, () => []);
      const { TotalCount, KeyMetadatas } = model.list(params);
      mustBeAlike(response?.KeyMetadatas, KeyMetadatas, system.toleranceSeconds);
      if (response?.TotalCount !== TotalCount) {
        throw new Error(`TotalCount is ${response?.TotalCount}, in the model ${TotalCount}`);
      }
    }),
  ];
  const lists = step("ListKeys", fc.constant({ Limit: 200 }), async (model, system, params) => {
    const response = await perform(model, system, "ListKeys", params, () => []);
    const ids = (response as { Keys: { KeyId: string }[] }).Keys.map(({ KeyId }) => KeyId);
    if (!isDeepStrictEqual(ids, model.listed())) {
      throw new Error(`ListKeys gives ${ids}, in the model ${model.listed()}`);
    }
  });
  const days = fc.constantFrom(0.1, 1, 7, 8, 31, 366);
  const passing = step("time passes, days:", days, async (model, system, count) => {
    system.pass?.(count * dayMs);
    model.nowMs = system.tick();
  });
  const all = [...steps, lists, ...(canPassTime ? [passing, passing] : [])];
  return fc.commands(all, { maxCommands, size: "max" });
}

/** Material for a key, under a token of that key or of another. */
interface Importing {
  readonly which: Target;
  readonly from: Target | null;
  readonly material: string;
  readonly validForDays: number | null;
}

const importing: fc.Arbitrary<Importing> = fc.record({
  which: target,
  from: fc.option(target, { freq: 5 }),
  material: fc.constantFrom("one", "one", "one", "other"),
  validForDays: fc.option(fc.constantFrom(1, 10, -1), { freq: 2 }),
});

async function importMaterial(
  model: LifeCycleModel,
  system: LifeCycleSystem,
  { which, from, material, validForDays }: Importing,
): Promise<void> {
  const KeyId = idOf(model, which);
  const source = idOf(model, from ?? which);
  const wanted = {
    KeyId: source,
    WrappingAlgorithm: "RSAES_OAEP_SHA_1",
    WrappingKeySpec: "RSA_2048",
  };
  const refused = () => model.prepareImport(source);
  const parameters = await perform(model, system, "GetParametersForImport", wanted, refused);
  const ValidTo =
    validForDays === null ? 0 : Math.floor((model.nowMs + validForDays * dayMs) / 1000);
  const params = {
    KeyId,
    ImportToken: parameters?.ImportToken ?? Buffer.from("no token").toString("base64"),
    EncryptedKeyMaterial: system.wrap(material, String(parameters?.PublicKey ?? "")),
    ValidTo,
  };
  const validToMs = ValidTo === 0 ? null : ValidTo * 1000;
  await perform(model, system, "ImportKeyMaterial", params, () =>
    model.importMaterial(KeyId, parameters === null ? "" : source, material, validToMs),
  );
}

const passingRefusal = "UnsupportedOperation.ServiceTemporaryUnavailable";
const patienceMs = 10_000;

/** Makes a call and holds its outcome against the model's. The answer's `Response`; null when both refuse. */
async function perform(
  model: LifeCycleModel,
  system: LifeCycleSystem,
  action: string,
  params: object,
  refused: () => readonly string[],
): Promise<Record<string, unknown> | null> {
  model.nowMs = system.tick();
  const codes = refused();
  const endMs = Date.now() + patienceMs;
  let { code, response } = await system.call(action, params);
  // A job may have the key in hand.
  while (code === passingRefusal && Date.now() < endMs) {
    await sleep(20);
    ({ code, response } = await system.call(action, params));
  }
  const isAlike = code === undefined ? codes.length === 0 : codes.includes(code);
  if (!isAlike) {
    const said = `${action} ${JSON.stringify(params)}: ${code ?? "success"}`;
    throw new Error(`${said}, in the model ${codes.join(" or ") || "success"}`);
  }
  return code === undefined ? response : null;
}

/** All keys as the system has them are as the model has them, at once or soon: what is due may be under way. */
async function compare(model: LifeCycleModel, system: LifeCycleSystem): Promise<void> {
  for (const endMs = Date.now() + patienceMs; ; await sleep(10)) {
    try {
      mustBeAlike(await system.describe(), model.describe(), system.toleranceSeconds);
      return;
    } catch (error) {
      if (Date.now() >= endMs) throw error;
      await system.settle();
    }
  }
}

/** Fields that the model has are the same; times (`…Time`, `…Date`, `ValidTo`) within the tolerance. */
function mustBeAlike(found: unknown, expected: readonly object[], toleranceSeconds: number): void {
  const rows = found as Record<string, unknown>[];
  if (rows.length !== expected.length) {
    throw new Error(`${rows.length} keys, in the model ${expected.length}`);
  }
  for (const [i, wanted] of expected.entries()) {
    for (const [field, value] of Object.entries(wanted)) {
      const there = rows[i]?.[field];
      const isTime = /(Time|Date|ValidTo)$/.test(field) && value !== 0 && there !== 0;
      const isAlike = isTime
        ? Math.abs(Number(there) - Number(value)) <= toleranceSeconds
        : there === value;
      if (isAlike) continue;
      const key = `${rows[i]?.Alias} (${rows[i]?.KeyId})`;
      throw new Error(`${field} of key ${key} is ${there}, in the model ${value}`);
    }
  }
}
