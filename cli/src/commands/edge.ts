/** `edge-kms edge …`: edges as a whole. */

import type { Command } from "commander";
import type { Output } from "../client.ts";
import { contextOf, type World } from "../context.ts";
import { table, time, yesNo } from "../output.ts";
import { allPages } from "../pages.ts";

type Edge = Output<"DescribeEdges">["Edges"][number];

export function addEdgeCommands(program: Command, world: World): void {
  const edge = program.command("edge").description("edges: what is there, and taking it away");

  edge
    .command("list")
    .description("list the edges of the account: who is there, what they hold, what they owe")
    .argument("[edge]", "only this edge, with its instances")
    .action(async (name: string | undefined, _options: object, command: Command) => {
      const { client, print } = contextOf(world, command);
      const filter = name === undefined ? {} : { EdgeId: name };
      const Edges = await allPages(async (page) => {
        const answer = await client.call("DescribeEdges", { ...filter, ...page });
        return { items: answer.Edges, total: answer.TotalCount };
      });
      const text = name === undefined ? edgeTable(Edges) : Edges.map(edgeDetails).join("\n");
      print({ TotalCount: Edges.length, Edges }, text);
    });

  edge
    .command("revoke")
    .description("take everything of this account away from an edge")
    .argument("<edge>", "its name")
    .action(async (name: string, _options: object, command: Command) => {
      const { client, print, confirms } = contextOf(world, command);
      if (!(await confirms(`Take all keys of the account away from edge ${name}?`))) return;
      print(await client.call("RevokeEdge", { EdgeId: name }), `edge ${name} is revoked\n`);
    });

  edge
    .command("restore")
    .description("let an edge serve this account again")
    .argument("<edge>", "its name")
    .action(async (name: string, _options: object, command: Command) => {
      const { client, print } = contextOf(world, command);
      print(await client.call("RestoreEdge", { EdgeId: name }), `edge ${name} is restored\n`);
    });

  edge
    .command("accept-unaccounted")
    .description("write off a lost instance: what it may not have recorded is no longer counted")
    .argument("<edge>", "the edge's name")
    .argument("<instance>", "the instance's id, as `edge list <edge>` shows it")
    .action(async (name: string, instance: string, _options: object, command: Command) => {
      const { client, print, confirms } = contextOf(world, command);
      const question = `Write off what instance ${instance} of edge ${name} may not have recorded?`;
      if (!(await confirms(question))) return;
      const answer = await client.call("AcceptUnaccounted", {
        EdgeId: name,
        InstanceId: instance,
      });
      print(answer, `instance ${instance} is written off\n`);
    });
}

function stateOf({ Revoked, Frozen }: Edge): string {
  if (Frozen) return Revoked ? "frozen, revoked" : "frozen";
  return Revoked ? "revoked" : "ok";
}

function edgeTable(edges: readonly Edge[]): string {
  return table(
    ["EDGE", "GROUP", "STATE", "CONNECTED", "LAST HEARD", "KEYS LEASED", "UNACCOUNTED"],
    edges.map((edge) => [
      edge.EdgeId,
      edge.Group,
      stateOf(edge),
      yesNo(edge.Connected),
      time(edge.LastHeardTime),
      String(edge.LeasedKeys),
      unaccounted(edge.UnaccountedAtMost),
    ]),
  );
}

function edgeDetails(edge: Edge): string {
  const instances = table(
    ["INSTANCE", "CONNECTED", "LAST HEARD", "LEASES END", "REPORTED", "STORED", "UNACCOUNTED"],
    edge.Instances.map((instance) => [
      instance.InstanceId,
      yesNo(instance.Connected),
      time(instance.LastHeardTime),
      time(instance.LeasesEndTime),
      String(instance.ReportedSequence),
      String(instance.StoredSequence),
      unaccounted(instance.UnaccountedAtMost),
    ]),
  );
  return `${edgeTable([edge])}\nregions ${edge.Regions.join(", ")}; keys revoked here: ${edge.RevokedKeys}\n\n${instances}`;
}

function unaccounted(most: number): string {
  return most === 0 ? "0" : `at most ${most}`;
}
