/** Documented error codes that no test provokes, and why: the source of docs/errors-not-provoked.md. */

import { kmsActions } from "@edge-kms/protocol";

interface NotProvoked {
  readonly code: string;
  /** Null: of all actions that document it. */
  readonly actions: readonly string[] | null;
  readonly reason: string;
}

export const notProvoked: readonly NotProvoked[] = [
  {
    code: "FailedOperation.TaggingError",
    actions: null,
    reason: "Tags are written in the transaction that makes the key.",
  },
  {
    code: "InvalidParameterValue.TagsNotExisted",
    actions: null,
    reason:
      "Tags are made where they are named; there is no other service that would have to know them.",
  },
  {
    code: "LimitExceeded.CmkLimitExceeded",
    actions: ["GenerateDataKey", "ImportDataKey"],
    reason: "They make no CMK; their own quota is `DataKeyLimitExceeded`.",
  },
  {
    code: "UnsupportedOperation.ServiceTemporaryUnavailable",
    actions: [
      "CancelKeyArchive",
      "DisableKey",
      "DisableKeys",
      "EnableKey",
      "EnableKeyRotation",
      "EnableKeys",
      "UnbindCloudResource",
      "UpdateAlias",
      "UpdateKeyDescription",
    ],
    reason:
      "They need the database only, and no change at the bridge stands in their way; without the database the answer is `InternalError`.",
  },
  {
    code: "UnsupportedOperation.ServiceTemporaryUnavailable",
    actions: ["CreateKey", "GetParametersForImport"],
    reason:
      "Only when the bridge goes away between the caller's verification, which needs it too, and the call; provoked in the control plane's own tests.",
  },
  {
    code: "FailedOperation.CmkUsedByCloudProduct",
    actions: ["BindCloudResource"],
    reason: "One key may have many bindings; a repeated one succeeds.",
  },
  {
    code: "ResourceUnavailable.CmkNotFound",
    actions: ["CancelDataKeyDeletion"],
    reason: "A CMK under which data keys wait for deletion is told by its state.",
  },
  {
    code: "InvalidParameterValue",
    actions: ["GetDataKeyPlaintext", "UpdateDataKeyName"],
    reason: "A more exact code of the same family is answered.",
  },
  {
    code: "InvalidParameterValue.InvalidKeyId",
    actions: ["DescribeDataKeys", "EnableDataKeys"],
    reason: "They name no CMK; what is no data-key id is `InvalidDataKeyId`.",
  },
  {
    code: "InvalidParameterValue.InvalidDataKeyName",
    actions: ["UpdateDataKeyDescription"],
    reason: "It names no data key by name.",
  },
  {
    code: "AuthFailure.UnauthorizedOperation",
    actions: null,
    reason: "Callers without the right are told `UnauthorizedOperation`.",
  },
  {
    code: "AuthFailure",
    actions: ["SignByAsymmetricKey"],
    reason:
      "The exact code of what is wrong with a signature is answered, such as `AuthFailure.SignatureFailure`.",
  },
  {
    code: "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion",
    actions: ["AsymmetricSm2Decrypt"],
    reason: "Keys that are there stay usable in a region that no longer offers SM2.",
  },
  {
    code: "UnsupportedOperation",
    actions: ["GetServiceStatus"],
    reason: "It is supported everywhere.",
  },
];

export function isNotProvoked(action: string, code: string): boolean {
  return notProvoked.some(
    (row) => row.code === code && (row.actions === null || row.actions.includes(action)),
  );
}

/** The page, in Markdown. */
export function notProvokedPage(): string {
  const rows = notProvoked.map(({ code, actions, reason }) => {
    const all = Object.values(kmsActions)
      .filter(({ errors }) => (errors as readonly string[]).includes(code))
      .map(({ name }) => name);
    return `| \`${code}\` | ${(actions ?? all).join(", ")} | ${reason} |`;
  });
  return [
    "# Documented errors that do not occur",
    "",
    "Every other error code on the [pages of the actions](reference/kms/README.md) is provoked at least once by the tests, through the official SDK.",
    "",
    "| code | actions | why |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
