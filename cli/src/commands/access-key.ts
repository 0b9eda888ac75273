/** `edge-kms access-key …`. */

import type { Command } from "commander";
import { contextOf, type World } from "../context.ts";

export function addAccessKeyCommands(program: Command, world: World): void {
  const accessKey = program.command("access-key").description("access keys of the account");

  accessKey
    .command("revoke")
    .description("make an access key useless at every door, until it is restored")
    .argument("<secretId>", "its SecretId; not that of the key which signs this call")
    .action(async (SecretId: string, _options: object, command: Command) => {
      const { client, print, confirms } = contextOf(world, command);
      if (!(await confirms(`Revoke access key ${SecretId}?`))) return;
      const answer = await client.call("RevokeAccessKey", { SecretId });
      print(answer, `access key ${SecretId} is revoked\n`);
    });

  accessKey
    .command("restore")
    .description("make a revoked access key valid again")
    .argument("<secretId>", "its SecretId")
    .action(async (SecretId: string, _options: object, command: Command) => {
      const { client, print } = contextOf(world, command);
      const answer = await client.call("RestoreAccessKey", { SecretId });
      print(answer, `access key ${SecretId} is restored\n`);
    });
}
