/** What somebody with a pen in the registry, a crash, or another store can and cannot do. */

import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { LeasedKey } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCOUNT, encryptWith, REGION, TestBridge } from "./testing/bridge.ts";
import { readLeaseGrant, TestEdge } from "./testing/edge.ts";
import { isWithoutHsm, storeBackends } from "./testing/stores.ts";

describe.each(storeBackends)("registry over the $name store", (backend) => {
  let bridge: TestBridge;
  let edge: TestEdge;

  beforeAll(async () => {
    bridge = await TestBridge.start(backend);
    edge = await TestEdge.make("edge-1");
    await bridge.enroll(edge);
  });
  afterAll(async () => {
    await bridge?.remove();
  });

  const newBranch = async (by = edge) => {
    const keyId = randomUUID();
    await bridge.createKey(keyId);
    const [result] = await bridge.lease(by.leaseRequest([encryptWith(keyId)]));
    if (result === undefined || !("grant" in result)) throw new Error("no grant");
    return readLeaseGrant(result.grant, bridge.publicKey);
  };
  const decryptWith = (grant: { keyId: string; branch: string }): LeasedKey => ({
    purpose: "decrypt",
    account: ACCOUNT,
    region: REGION,
    keyId: grant.keyId,
    version: 1,
    branch: grant.branch,
    suite: 1,
  });
  const outcome = (asked: LeasedKey): Promise<string> =>
    bridge.leaseOutcome(edge.leaseRequest([asked]));
  const sql = (text: string, ...values: (string | number)[]) =>
    bridge.restart(() => {
      bridge.editRegistry((database) => {
        const statement = database.prepare(text);
        if (statement.run(...values).changes === 0) throw new Error("nothing changed");
      });
    });

  it("does not open a wrapped branch key moved to another key, branch, group or period", async () => {
    const [a, b, c, d, e] = [
      await newBranch(),
      await newBranch(),
      await newBranch(),
      await newBranch(),
      await newBranch(),
    ];
    await sql(
      "UPDATE branches SET wrapped = (SELECT wrapped FROM branches WHERE branch = ?) WHERE branch = ?",
      a.branch,
      b.branch,
    );
    expect(await outcome(decryptWith(b))).toBe("corrupt");
    expect(await outcome(decryptWith(a))).toBe("granted");

    await sql("UPDATE branches SET period = period - 30 WHERE branch = ?", c.branch);
    expect(await outcome(decryptWith(c))).toBe("corrupt");

    await sql("UPDATE branches SET branch = 'ffffffffffffffff' WHERE branch = ?", d.branch);
    expect(await outcome(decryptWith({ ...d, branch: "ffffffffffffffff" }))).toBe("corrupt");

    const otherGroup = await TestEdge.make("edge-2", "group-2");
    await bridge.enroll(otherGroup);
    const f = await newBranch(otherGroup);
    await sql("UPDATE branches SET edge_group = 'group-1' WHERE branch = ?", f.branch);
    expect(await outcome(decryptWith(f))).toBe("corrupt");

    // The key's own row: account and suite are bound too.
    await sql("UPDATE keys SET suite = 2 WHERE key_id = ?", e.keyId);
    expect(await outcome({ ...decryptWith(e), suite: 2 } as LeasedKey)).toBe("corrupt");
    await sql("UPDATE keys SET suite = 1, region = 'ap-beijing' WHERE key_id = ?", e.keyId);
    expect(await outcome(decryptWith(e))).toBe("not-found");
  });

  it("removes only objects whose creation never completed, and quarantines strangers", async () => {
    await bridge.restart(async () => {
      const store = await bridge.openStore();
      await store.generateAesKey("ek-key-version-unfinished");
      await store.generateAesKey("somebody-elses-key");
      await store.close();
      bridge.editRegistry((database) =>
        database.exec(
          "INSERT INTO objects VALUES ('ek-key-version-unfinished', 'key-version', 'creating', 1), ('ek-key-version-never-made', 'key-version', 'creating', 1)",
        ),
      );
    });
    const { entries } = await bridge.operator.call("readLog", { afterSeq: 0, limit: 1000 });
    const of = (event: string) =>
      entries.filter((entry) => entry.event === event).map(({ details }) => details.objectId);
    expect(of("object-removed")).toEqual(["ek-key-version-unfinished"]);
    expect(of("object-quarantined")).toEqual(["somebody-elses-key"]);
    await bridge.stop();
    const store = await bridge.openStore();
    const ids = (await store.listObjects()).map(({ id }) => id);
    await store.close();
    expect(ids).toContain("somebody-elses-key");
    expect(ids).not.toContain("ek-key-version-unfinished");
    await bridge.start();
    // Known strangers are not logged again.
    const again = await bridge.operator.call("readLog", { afterSeq: entries.length, limit: 1000 });
    expect(again.entries.map(({ event }) => event)).not.toContain("object-quarantined");
  });

  it("tells a key whose object is gone from the store from an unknown one", async () => {
    const grant = await newBranch();
    const objectId = await (async () => {
      await bridge.stop();
      return bridge.editRegistry(
        (database) =>
          database
            .prepare("SELECT object_id FROM key_versions WHERE key_id = ?")
            .get(grant.keyId) as { object_id: string },
      ).object_id;
    })();
    const store = await bridge.openStore();
    await store.destroyKey(objectId);
    await store.close();
    await bridge.start();
    expect(await outcome(decryptWith(grant))).toBe("internal");
    expect(bridge.output.join("")).toMatch(/missing in the store.*"missing":1/);
  });

  it("finishes a destruction that a crash cut off", async () => {
    const grant = await newBranch();
    await sql(
      "UPDATE keys SET state = 'destroying', destroy_not_before_ms = 1 WHERE key_id = ?",
      grant.keyId,
    );
    expect(await outcome(decryptWith(grant))).toBe("destroyed");
    await bridge.stop();
    const left = bridge.editRegistry((database) =>
      database
        .prepare(
          "SELECT k.state, b.wrapped FROM keys k JOIN branches b USING (key_id) WHERE key_id = ?",
        )
        .get(grant.keyId),
    );
    expect(left).toMatchObject({ state: "destroyed", wrapped: null });
    await bridge.start();
  });

  it("makes the next version when a crash cut its making off, and leaves no object behind", async () => {
    const grant = await newBranch();
    const rotate = () =>
      bridge.controlPlane.call("rotateKey", {
        account: ACCOUNT,
        region: REGION,
        keyId: grant.keyId,
        version: 2,
      });
    await bridge.restart(async () => {
      const store = await bridge.openStore();
      await store.generateAesKey("ek-key-version-cut-off");
      await store.close();
      bridge.editRegistry((database) =>
        database.exec(
          "INSERT INTO objects VALUES ('ek-key-version-cut-off', 'key-version', 'creating', 1)",
        ),
      );
    });
    expect(await rotate()).toMatchObject({ version: 2 });
    // The other crash: the version was made and its answer was lost.
    await bridge.restart();
    expect(await rotate()).toMatchObject({ version: 2 });
    expect(await outcome(decryptWith(grant))).toBe("granted");
    await bridge.stop();
    const versions = bridge.editRegistry((database) =>
      database
        .prepare("SELECT object_id FROM key_versions WHERE key_id = ? ORDER BY version")
        .all(grant.keyId),
    ) as { object_id: string }[];
    const store = await bridge.openStore();
    const ids = (await store.listObjects()).map(({ id }) => id);
    await store.close();
    expect(versions).toHaveLength(2);
    for (const { object_id: id } of versions) expect(ids).toContain(id);
    expect(ids).not.toContain("ek-key-version-cut-off");
    await bridge.start();
  });

  it("refuses to start on a log that was changed, shortened at its end aside", async () => {
    await bridge.stop();
    const forge = (text: string) =>
      bridge.editRegistry((database) => {
        database.exec("DROP TRIGGER log_is_not_changed; DROP TRIGGER log_is_not_shortened;");
        const before = database.prepare("SELECT * FROM log WHERE seq = 3").get();
        database.exec(text);
        return before;
      });
    const row = forge("UPDATE log SET event = 'frozen' WHERE seq = 3") as { event: string };
    await expect(bridge.start()).rejects.toThrow(/was changed outside the bridge/);
    bridge.editRegistry((database) =>
      database.prepare("UPDATE log SET event = ? WHERE seq = 3").run(row.event),
    );
    await bridge.start();
    await bridge.stop();
    bridge.editRegistry((database) => database.exec("DELETE FROM log WHERE seq = 4"));
    await expect(bridge.start()).rejects.toThrow(/was changed outside the bridge/);
  });

  it("refuses a damaged registry in one sentence", async () => {
    await writeFile(`${bridge.home}/bridge/registry.sqlite`, "no database at all, sorry");
    await expect(bridge.start()).rejects.toThrow(/^The registry .* is damaged or cannot be opened/);
  });

  it("refuses a registry that belongs to another token or store file", async () => {
    const [one, two] = [await TestBridge.start(backend), await TestBridge.start(backend)];
    await one.stop();
    await two.stop();
    Object.assign(one.settings, { store: two.prepared.settings });
    if (backend.name === "software") {
      const { copyFile } = await import("node:fs/promises");
      for (const file of ["software-store.sealed", "software-store.key"]) {
        await copyFile(`${two.home}/bridge/${file}`, `${one.home}/bridge/${file}`);
      }
    }
    await expect(one.start()).rejects.toThrow(/do not belong together/);
    await one.remove();
    await two.remove();
  });

  it.skipIf(isWithoutHsm)("refuses a home that was made with the other kind of store", async () => {
    const other = storeBackends.find(({ name }) => name !== backend.name);
    if (other === undefined) throw new Error("no other store");
    const [one, prepared] = [await TestBridge.start(backend), await other.prepare()];
    await one.stop();
    Object.assign(one.settings, { store: prepared.settings });
    await expect(one.start()).rejects.toThrow(
      `This home was made with the ${backend.name} key store`,
    );
    await one.remove();
    await prepared.remove();
  });
});
