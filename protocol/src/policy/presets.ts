/** Preset policies (contract §4.6), which cannot be edited. */

export interface PresetPolicy {
  readonly name: string;
  readonly description: string;
  readonly document: string;
}

const allowing = (action: string | readonly string[]): string =>
  JSON.stringify({ version: "2.0", statement: [{ effect: "allow", action, resource: "*" }] });

export const presetPolicies: readonly PresetPolicy[] = [
  {
    name: "AdministratorAccess",
    description: "Everything, access management included.",
    document: allowing("*"),
  },
  {
    name: "QcloudKMSFullAccess",
    description: "Every action of the key management service.",
    document: allowing("name/kms:*"),
  },
  {
    name: "QcloudKMSReadOnlyAccess",
    description:
      "Reading what there is in the key management service: no key is used, and nothing that was sealed is given out.",
    // Not kms:Describe* and kms:Get*: some of those hand out secrets (DescribeWhiteBoxDecryptKey, GetDataKeyPlaintext).
    document: allowing([
      "name/kms:DescribeKey",
      "name/kms:DescribeKeys",
      "name/kms:DescribeDataKey",
      "name/kms:DescribeDataKeys",
      "name/kms:List*",
      "name/kms:GetKeyRotationStatus",
      "name/kms:GetPublicKey",
      "name/kms:GetRegions",
      "name/kms:GetServiceStatus",
    ]),
  },
];
