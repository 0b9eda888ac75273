/** `edge-kms key …`: CMKs at edges. */

import { edgeModes } from "@edge-kms/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Output, Request } from "../client.ts";
import { contextOf, type World } from "../context.ts";
import { UsageError } from "../errors.ts";
import { table, time, yesNo } from "../output.ts";
import { allPages } from "../pages.ts";

type Settings = Request<"ModifyKeyEdgeSettings">;

export function addKeyCommands(program: Command, world: World): void {
  const key = program.command("key").description("CMKs at edges");

  key
    .command("holders")
    .description("list the edges that hold a lease on a CMK now")
    .argument("<keyId>", "the CMK's id")
    .action(async (KeyId: string, _options: object, command: Command) => {
      const { client, print } = contextOf(world, command);
      let RevokedAt: Output<"DescribeKeyHolders">["RevokedAt"] = [];
      const Holders = await allPages(async (page) => {
        const answer = await client.call("DescribeKeyHolders", { KeyId, ...page });
        RevokedAt = answer.RevokedAt;
        return { items: answer.Holders, total: answer.TotalCount };
      });
      const rows = Holders.map((holder) => [
        holder.EdgeId,
        holder.InstanceId,
        yesNo(holder.Connected),
        String(holder.Version),
        holder.BranchId,
        time(holder.ExpireTime),
      ]);
      const holders = table(
        ["EDGE", "INSTANCE", "CONNECTED", "VERSION", "BRANCH", "LEASE ENDS"],
        rows,
      );
      const revoked = RevokedAt.map(({ EdgeId }) => EdgeId).join(", ");
      const text = revoked === "" ? holders : `${holders}\nrevoked at ${revoked}\n`;
      print({ TotalCount: Holders.length, Holders, RevokedAt }, text);
    });

  key
    .command("usage")
    .description("show when a CMK was last used, and how often each branch key encrypted")
    .argument("<keyId>", "the CMK's id")
    .action(async (KeyId: string, _options: object, command: Command) => {
      const { client, print } = contextOf(world, command);
      let sums: Pick<Output<"DescribeKeyUsage">, "LastUsedTime" | "MessagesEncrypted"> | null =
        null;
      const Branches = await allPages(async (page) => {
        const answer = await client.call("DescribeKeyUsage", { KeyId, ...page });
        const { LastUsedTime, MessagesEncrypted, TotalCount } = answer;
        sums ??= { LastUsedTime, MessagesEncrypted };
        return { items: answer.Branches, total: TotalCount };
      });
      const { LastUsedTime = 0, MessagesEncrypted = 0 } = sums ?? {};
      const rows = Branches.map((branch) => [
        String(branch.Version),
        branch.BranchId,
        String(branch.MessagesEncrypted),
        time(branch.LastUsedTime),
      ]);
      const branches = table(["VERSION", "BRANCH", "MESSAGES ENCRYPTED", "LAST USED"], rows);
      const text = `last used           ${time(LastUsedTime)}\nmessages encrypted  ${MessagesEncrypted}\n\n${branches}`;
      print({ LastUsedTime, MessagesEncrypted, TotalCount: Branches.length, Branches }, text);
    });

  key
    .command("revoke-at")
    .description("take a CMK away from one edge")
    .argument("<keyId>", "the CMK's id")
    .argument("<edge>", "the edge's name")
    .action(async (KeyId: string, EdgeId: string, _options: object, command: Command) => {
      const { client, print, confirms } = contextOf(world, command);
      if (!(await confirms(`Take key ${KeyId} away from edge ${EdgeId}?`))) return;
      const answer = await client.call("RevokeKeyAtEdge", { KeyId, EdgeId });
      print(answer, `key ${KeyId} is revoked at edge ${EdgeId}\n`);
    });

  key
    .command("restore-at")
    .description("let an edge use a CMK again")
    .argument("<keyId>", "the CMK's id")
    .argument("<edge>", "the edge's name")
    .action(async (KeyId: string, EdgeId: string, _options: object, command: Command) => {
      const { client, print } = contextOf(world, command);
      const answer = await client.call("RestoreKeyAtEdge", { KeyId, EdgeId });
      print(answer, `key ${KeyId} is restored at edge ${EdgeId}\n`);
    });

  key
    .command("edge-settings")
    .description("show how edges may use a CMK, or set what an option names")
    .argument("<keyId>", "the CMK's id")
    .addOption(new Option("--mode <mode>", "where it may be used").choices(edgeModes))
    .option("--refresh <seconds>", "when an edge asks for a fresh lease, 0 to 900", readSeconds)
    .option("--expiry <seconds>", "when a lease is over, 0 (no leases) to 900", readSeconds)
    .option("--default-times", "the lease times of the configuration")
    .action(async (KeyId: string, options: SettingsOptions, command: Command) => {
      const { client, print, confirms } = contextOf(world, command);
      const changes = changesOf(options);
      if (Object.keys(changes).length > 0) {
        const question = `Take key ${KeyId} away from all edges?`;
        if (changes.EdgeMode === "deny" && !(await confirms(question))) return;
        await client.call("ModifyKeyEdgeSettings", { KeyId, ...changes });
      }
      const settings = await client.call("DescribeKeyEdgeSettings", { KeyId });
      const { EdgeMode, LeaseRefreshSeconds, LeaseExpirySeconds, IsDefault } = settings;
      const origin = IsDefault ? " (of the configuration)" : "";
      print(
        settings,
        `mode     ${EdgeMode}\nrefresh  ${LeaseRefreshSeconds} s${origin}\nexpiry   ${LeaseExpirySeconds} s${origin}\n`,
      );
    });
}

interface SettingsOptions {
  readonly mode?: (typeof edgeModes)[number];
  readonly refresh?: number;
  readonly expiry?: number;
  readonly defaultTimes?: boolean;
}

function changesOf(options: SettingsOptions): Omit<Settings, "KeyId"> {
  const { mode, refresh, expiry, defaultTimes } = options;
  if (defaultTimes === true && (refresh !== undefined || expiry !== undefined)) {
    throw new UsageError("--default-times goes without --refresh and --expiry.");
  }
  return {
    ...(mode === undefined ? {} : { EdgeMode: mode }),
    ...(refresh === undefined ? {} : { LeaseRefreshSeconds: refresh }),
    ...(expiry === undefined ? {} : { LeaseExpirySeconds: expiry }),
    ...(defaultTimes === true ? { DefaultLeaseTimes: true } : {}),
  };
}

function readSeconds(text: string): number {
  if (/^[0-9]{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number of seconds.");
}
