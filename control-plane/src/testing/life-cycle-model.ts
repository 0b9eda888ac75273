/**
 * What the contract says of CMKs (tencent-api §2.3, §3.1, §3.2, §3.5, §3.6; where it is silent, "Choices" in this part's README), as
 * plainly as it can be said, for tests that run it beside the system. Written from those texts: nothing of `keys/` is in it.
 *
 * Each action answers with the codes that may be told: none when the call succeeds, several when the texts do not say
 * which of them comes first. Times are in ms, as the system's own.
 */

export type Kind = "symmetric" | "external" | "asymmetric";
type State = "Enabled" | "Disabled" | "PendingImport" | "PendingDelete" | "Archived";

export interface ModelKey {
  readonly id: string;
  readonly kind: Kind;
  readonly createdAtMs: number;
  alias: string;
  state: State | "gone";
  isRotating: boolean;
  rotateDays: number;
  nextRotationMs: number;
  lastRotationMs: number | null;
  deletionMs: number | null;
  validToMs: number | null;
  hasMaterial: boolean;
  /** What was imported first: only the same is taken again. */
  material: string | null;
  readonly bindings: Set<string>;
}

/** As ListKeyDetail's parameters. */
export interface Filter {
  readonly KeyState: number;
  readonly Origin: string;
  readonly KeyUsage: string;
  readonly SearchKeyAlias: string;
  readonly OrderType: number;
  readonly Offset: number;
  readonly Limit: number;
}

const dayMs = 86_400_000;
const seconds = (ms: number | null): number => (ms === null ? 0 : Math.floor(ms / 1000));

export const code = {
  alias: "InvalidParameterValue.InvalidAlias",
  aliasTaken: "InvalidParameterValue.AliasAlreadyExists",
  bindingNotFound: "ResourceUnavailable.CloudResourceBindingNotFound",
  enabled: "ResourceUnavailable.CmkShouldBeDisabled",
  externalDoesNotRotate: "UnsupportedOperation.ExternalCmkCanNotRotate",
  keyId: "InvalidParameterValue.InvalidKeyId",
  mismatch: "InvalidParameterValue.MaterialNotMatch",
  notExternal: "UnsupportedOperation.NotExternalCmk",
  notFound: "ResourceUnavailable.CmkNotFound",
  notPendingDelete: "ResourceUnavailable.CmkNotPendingDelete",
  parameter: "InvalidParameter",
  quota: "LimitExceeded.CmkLimitExceeded",
  rotateDays: "InvalidParameterValue",
  rotatedBefore: "RequestLimitExceeded.RotateRateLimited",
  rotationNotSupported: "UnsupportedOperation.RotateNotSupported",
  state: "ResourceUnavailable.CmkStateNotSupport",
  token: "ResourceUnavailable.TokenExpired",
  used: "FailedOperation.CmkUsedByCloudProduct",
  window: "InvalidParameter.InvalidPendingWindowInDays",
} as const;

type Codes = readonly string[];
const fine: Codes = [];

export class LifeCycleModel {
  /** In the order in which they were made; those that are gone too. */
  readonly keys: ModelKey[] = [];
  nowMs: number;
  readonly #quota: number;

  constructor(nowMs: number, quota: number) {
    this.nowMs = nowMs;
    this.#quota = quota;
  }

  /** Those that somebody can still see. */
  get present(): ModelKey[] {
    return this.keys.filter(({ state }) => state !== "gone");
  }

  refusedCreation(alias: string): Codes {
    const counted = this.present.filter(({ state }) => state !== "PendingDelete");
    return [
      ...aliasCodes(alias),
      ...(this.present.some((key) => key.alias === alias) ? [code.aliasTaken] : []),
      ...(counted.length >= this.#quota ? [code.quota] : []),
    ];
  }

  created(id: string, alias: string, kind: Kind): void {
    this.keys.push({
      id,
      kind,
      createdAtMs: this.nowMs,
      alias,
      state: kind === "external" ? "PendingImport" : "Enabled",
      isRotating: false,
      rotateDays: 365,
      nextRotationMs: this.nowMs + 365 * dayMs,
      lastRotationMs: null,
      deletionMs: null,
      validToMs: null,
      hasMaterial: kind !== "external",
      material: null,
      bindings: new Set(),
    });
  }

  /** EnableKeys and DisableKeys, and with one key EnableKey and DisableKey: all or none. */
  setEnabled(ids: readonly string[], isEnabled: boolean): Codes {
    const refused = ids.flatMap((id) =>
      this.#on(id, (key) => {
        if (!isEnabled && key.bindings.size > 0) return [code.used];
        return this.#only(key, "Enabled", "Disabled");
      }),
    );
    if (refused.length > 0) return refused;
    for (const id of ids) this.#find(id).state = isEnabled ? "Enabled" : "Disabled";
    return fine;
  }

  rename(id: string, alias: string): Codes {
    return this.#change(
      id,
      (key) => [
        ...(key.state === "PendingDelete" ? [code.state] : []),
        ...(this.present.some((other) => other !== key && other.alias === alias)
          ? [code.aliasTaken]
          : []),
      ],
      (key) => {
        key.alias = alias;
      },
      aliasCodes(alias),
    );
  }

  archive(id: string): Codes {
    return this.#change(
      id,
      (key) => (key.bindings.size > 0 ? [code.used] : this.#only(key, "Enabled", "Disabled")),
      (key) => {
        key.state = "Archived";
      },
    );
  }

  cancelArchive(id: string): Codes {
    return this.#change(
      id,
      (key) => this.#only(key, "Archived"),
      (key) => {
        key.state = "Enabled";
      },
    );
  }

  scheduleDeletion(id: string, days: number): Codes {
    return this.#change(
      id,
      (key) => {
        if (key.bindings.size > 0) return [code.used];
        if (key.state === "Enabled") return [code.enabled];
        return this.#only(key, "Disabled", "PendingImport", "Archived");
      },
      (key) => {
        key.state = "PendingDelete";
        key.deletionMs = this.nowMs + days * dayMs;
      },
      days < 7 || days > 30 ? [code.window] : fine,
    );
  }

  cancelDeletion(id: string): Codes {
    return this.#change(
      id,
      (key) => (key.state === "PendingDelete" ? fine : [code.notPendingDelete]),
      (key) => {
        key.state = key.hasMaterial ? "Disabled" : "PendingImport";
        key.deletionMs = null;
      },
    );
  }

  enableRotation(id: string, days: number): Codes {
    return this.#change(
      id,
      (key) => {
        if (key.kind === "external") return [code.externalDoesNotRotate];
        if (key.kind === "asymmetric") return [code.rotationNotSupported];
        return this.#only(key, "Enabled");
      },
      (key) => {
        if (key.isRotating && key.rotateDays === days) return;
        key.isRotating = true;
        key.rotateDays = days;
        key.nextRotationMs = this.nowMs + days * dayMs;
      },
      days < 7 || days > 365 ? [code.rotateDays] : fine,
    );
  }

  disableRotation(id: string): Codes {
    return this.#change(
      id,
      () => fine,
      (key) => {
        key.isRotating = false;
      },
    );
  }

  rotate(id: string): Codes {
    return this.#change(
      id,
      (key) => {
        if (key.kind !== "symmetric") return [code.rotationNotSupported];
        return [
          ...this.#only(key, "Enabled"),
          ...(key.isRotating ? fine : [code.rotationNotSupported]),
          ...(key.lastRotationMs !== null && this.nowMs < key.lastRotationMs + dayMs
            ? [code.rotatedBefore]
            : fine),
        ];
      },
      (key) => this.#rotateNow(key),
    );
  }

  prepareImport(id: string): Codes {
    return this.#change(
      id,
      (key) => this.#external(key, () => this.#only(key, "Enabled", "PendingImport")),
      () => {},
    );
  }

  /** @param tokenOf id of the key whose import token comes with it. */
  importMaterial(id: string, tokenOf: string, material: string, validToMs: number | null): Codes {
    return this.#change(
      id,
      (key) =>
        this.#external(key, () => {
          const refused = this.#only(key, "Enabled", "PendingImport");
          if (tokenOf !== id) return [...refused, code.token];
          if (refused.length > 0 || key.material === null || key.material === material)
            return refused;
          return [code.mismatch];
        }),
      (key) => {
        key.state = "Enabled";
        key.hasMaterial = true;
        key.material = material;
        key.validToMs = key.bindings.size > 0 ? null : validToMs;
      },
      validToMs !== null && validToMs <= this.nowMs ? [code.parameter] : fine,
    );
  }

  deleteMaterial(id: string): Codes {
    return this.#change(
      id,
      (key) =>
        this.#external(key, () =>
          key.bindings.size > 0 ? [code.used] : this.#only(key, "Enabled", "Disabled"),
        ),
      (key) => this.#loseMaterial(key),
    );
  }

  bind(id: string, resource: string): Codes {
    return this.#change(
      id,
      (key) => this.#only(key, "Enabled"),
      (key) => {
        key.bindings.add(resource);
        key.validToMs = null;
      },
    );
  }

  unbind(id: string, resource: string): Codes {
    return this.#change(
      id,
      (key) => (key.bindings.has(resource) ? fine : [code.bindingNotFound]),
      (key) => {
        key.bindings.delete(resource);
      },
    );
  }

  /** What comes by itself, once its time has come: ends of keys, ends of material, rotations. True when something did. */
  settle(): boolean {
    const before = JSON.stringify(this.keys);
    for (const key of this.present) {
      if (key.state === "PendingDelete") {
        if (key.deletionMs !== null && key.deletionMs <= this.nowMs) key.state = "gone";
        continue;
      }
      if (key.validToMs !== null && key.validToMs <= this.nowMs) this.#loseMaterial(key);
      const isDue = key.isRotating && key.nextRotationMs <= this.nowMs;
      if (isDue && key.state === "Enabled") this.#rotateNow(key);
    }
    return JSON.stringify(this.keys) !== before;
  }

  /** What KeyMetadata says of each key, in the order of their creation. */
  describe(): object[] {
    return this.present.map(metadata);
  }

  /** What ListKeyDetail gives. */
  list(filter: Filter): { TotalCount: number; KeyMetadatas: object[] } {
    const states = [null, "Enabled", "Disabled", "PendingDelete", "PendingImport", "Archived"];
    const state = states[filter.KeyState] ?? null;
    const usage = filter.KeyUsage === "" ? "ENCRYPT_DECRYPT" : filter.KeyUsage;
    const matches = this.present.filter(
      (key) =>
        (state === null || key.state === state) &&
        (["", "ALL"].includes(filter.Origin) || originOf(key) === filter.Origin) &&
        (usage === "ALL" || usageOf(key) === usage) &&
        [key.id, key.alias].some((name) => name.includes(filter.SearchKeyAlias)),
    );
    if (filter.OrderType === 0) matches.reverse();
    const page = matches.slice(filter.Offset, filter.Offset + filter.Limit);
    return { TotalCount: matches.length, KeyMetadatas: page.map(metadata) };
  }

  /** Ids that ListKeys shows, newest first. */
  listed(): string[] {
    return this.present
      .filter(({ state }) => ["Enabled", "Disabled", "PendingImport"].includes(state))
      .map(({ id }) => id)
      .reverse();
  }

  #rotateNow(key: ModelKey): void {
    key.lastRotationMs = this.nowMs;
    key.nextRotationMs = this.nowMs + key.rotateDays * dayMs;
  }

  #loseMaterial(key: ModelKey): void {
    key.state = "PendingImport";
    key.hasMaterial = false;
    key.validToMs = null;
  }

  #only(key: ModelKey, ...states: State[]): Codes {
    return (states as string[]).includes(key.state) ? fine : [code.state];
  }

  #external(key: ModelKey, then: () => Codes): Codes {
    return key.kind === "external" ? then() : [code.notExternal];
  }

  #find(id: string): ModelKey {
    const key = this.present.find((candidate) => candidate.id === id);
    if (key === undefined) throw new Error(`no key ${id}`);
    return key;
  }

  /** What is refused of a key that is there; an id that is none, or nobody's, is refused for that. */
  #on(id: string, refused: (key: ModelKey) => Codes): Codes {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return [code.keyId];
    const key = this.present.find((candidate) => candidate.id === id);
    return key === undefined ? [code.notFound] : refused(key);
  }

  /** @param parameters what is wrong with them, whatever the key. */
  #change(
    id: string,
    refused: (key: ModelKey) => Codes,
    change: (key: ModelKey) => void,
    parameters: Codes = fine,
  ): Codes {
    const codes = [...parameters, ...this.#on(id, refused)];
    if (codes.length === 0) change(this.#find(id));
    return codes;
  }
}

function aliasCodes(alias: string): Codes {
  const isGood = /^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$/.test(alias) && !/^kms-/i.test(alias);
  return isGood ? fine : [code.alias];
}

const originOf = ({ kind }: ModelKey): string => (kind === "external" ? "EXTERNAL" : "TENCENT_KMS");
const usageOf = ({ kind }: ModelKey): string =>
  kind === "asymmetric" ? "ASYMMETRIC_SIGN_VERIFY_ECC" : "ENCRYPT_DECRYPT";

function metadata(key: ModelKey): object {
  return {
    KeyId: key.id,
    Alias: key.alias,
    KeyState: key.state,
    KeyUsage: usageOf(key),
    Origin: originOf(key),
    CreateTime: seconds(key.createdAtMs),
    KeyRotationEnabled: key.isRotating,
    RotateDays: key.rotateDays,
    NextRotateTime: seconds(key.nextRotationMs),
    LastRotateTime: seconds(key.lastRotationMs),
    DeletionDate: seconds(key.deletionMs),
    ValidTo: seconds(key.validToMs),
    Owner: "user",
  };
}
