/** `npm start` as a script or a person meets it: what it leaves, what it refuses, and how it ends. */

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, newAlias } from "./support/client.ts";
import {
  discard,
  freePorts,
  launch,
  type System,
  startSystem,
  temporaryHome,
  testStore,
} from "./support/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 60_000);
afterAll(() => discard(system), 60_000);

const parts = ["edge", "control plane", "bridge", "database"] as const;

/** Launches and expects one clear sentence and a non-zero exit. */
async function expectRefusal(
  options: Parameters<typeof launch>[0],
  sentence: RegExp,
): Promise<void> {
  const { output, exited } = launch(options);
  expect(await exited).toBe(1);
  expect(output()).toMatch(sentence);
  expect(output()).not.toMatch(/\n\s+at /);
}

describe("a running system", () => {
  it("says where the edge is, where the credentials are, and what to try", () => {
    const output = system.output();
    expect(output).toMatch(/^ready {2}edge http:\/\/127\.0\.0\.1:\d+$/m);
    expect(output).toContain(join(system.home, "client.env"));
    expect(output).toMatch(/node --env-file=\S+ \S*examples\/first-light\.mjs/);
  });

  it("writes client.env for its owner alone, readable by source", () => {
    const path = join(system.home, "client.env");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const script = `. "${path}" && echo "$TENCENTCLOUD_SECRET_ID|$KMS_ENDPOINT|$CONTROL_PLANE_ENDPOINT|$TENCENTCLOUD_REGION"`;
    const { env } = system;
    expect(execFileSync("sh", ["-c", script], { encoding: "utf8" }).trim()).toBe(
      `${env.TENCENTCLOUD_SECRET_ID}|${env.KMS_ENDPOINT}|${env.CONTROL_PLANE_ENDPOINT}|${env.TENCENTCLOUD_REGION}`,
    );
    expect(env.KMS_ENDPOINT).toBe(`http://127.0.0.1:${system.port}`);
    expect(env.CONTROL_PLANE_ENDPOINT).toBe(`http://127.0.0.1:${system.port + 1}`);
  });

  it("keeps its secrets from other users", () => {
    const open: string[] = [];
    const walk = (folder: string) => {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) walk(path);
        else if (entry.isFile() && (statSync(path).mode & 0o077) !== 0) open.push(path);
      }
    };
    for (const folder of ["bridge", "tokens", "edge", "db", "logs"]) {
      expect(statSync(join(system.home, folder)).mode & 0o077).toBe(0);
    }
    walk(join(system.home, "pki"));
    expect(open.filter((path) => path.endsWith(".key"))).toEqual([]);
  });

  it("refuses a second start on the same home", async () => {
    await expectRefusal(
      { home: system.home, port: await freePorts() },
      /already runs on the home .* \(process \d+\)/,
    );
  });
});

describe("a start", () => {
  it("refuses a port in use, naming it", async () => {
    const home = temporaryHome();
    const port = await freePorts();
    const server = createServer().listen(port + 1, "127.0.0.1");
    try {
      await expectRefusal({ home, port }, new RegExp(`Port ${port + 1} on 127.0.0.1 is in use`));
    } finally {
      server.close();
      rmSync(home, { recursive: true });
    }
  });

  it("refuses settings that make no sense, before it makes anything", async () => {
    for (const [config, sentence] of [
      [{ port: "many" }, /config\.json: port/],
      [{ unknown: true }, /config\.json: /],
    ] as const) {
      const home = temporaryHome();
      await expectRefusal({ home, port: await freePorts(), config }, sentence);
      expect(readdirSync(home)).toEqual(["config.json"]);
      rmSync(home, { recursive: true });
    }
  });

  it.each([
    ["home.json", "{", /home .* is damaged/],
    ["bridge/registry.sqlite", "not a database, certainly not", /bridge did not start .*registry/],
    ["pki/ca.crt", "no certificate", /bridge did not start/],
    ["edge/signing.key", "no key", /signing\.key is no Ed25519 key/],
  ])(
    "refuses a home whose %s is damaged",
    async (file, content, sentence) => {
      const made = await startSystem();
      await made.stop();
      for (const suffix of ["-wal", "-shm"]) {
        rmSync(join(made.home, `${file}${suffix}`), { force: true });
      }
      writeFileSync(join(made.home, file), content);
      await expectRefusal({ home: made.home, port: made.port }, sentence);
      rmSync(made.home, { recursive: true });
    },
    60_000,
  );

  it("refuses a home that was made with another store", async () => {
    const home = temporaryHome();
    const made = await startSystem({ home, store: "software" });
    await made.stop();
    if (testStore === "pkcs11") {
      await expectRefusal(
        { home, port: await freePorts(), store: "pkcs11" },
        /was made with the software store and does not start with pkcs11/,
      );
    }
    const again = await startSystem({ home, store: "auto" });
    expect(again.output()).toMatch(/software store, which is no HSM/i);
    await discard(again);
  }, 60_000);

  it("works in a home with a long name, below a folder of mode 700", async () => {
    const top = temporaryHome();
    const home = join(top, "a".repeat(60), "b".repeat(60));
    mkdirSync(home, { recursive: true });
    chmodSync(top, 0o700);
    const made = await startSystem({ home });
    expect((await createClient(made).GetRegions()).Regions).toHaveLength(2);
    await made.stop();
    rmSync(top, { recursive: true });
  }, 60_000);
});

describe("an end", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "by %s stops every part in order, exit code 0",
    async (signal) => {
      const made = await startSystem();
      const kms = createClient(made);
      const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
      await kms.Encrypt({ KeyId, Plaintext: base64("x") });
      const pids = parts.map(made.pid);
      expect(await made.stop(signal)).toBe(0);
      for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(false);
      rmSync(made.home, { recursive: true });
    },
    60_000,
  );

  it("while it still starts leaves nothing either", async () => {
    const home = temporaryHome();
    const { child, exited, output } = launch({ home, port: await freePorts() });
    while (!output().includes("starting")) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
    const left = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
    expect(left).not.toContain(home);
    rmSync(home, { recursive: true });
  }, 60_000);

  it("leaves the checkout as git knows it", () => {
    const checkout = fileURLToPath(new URL("../..", import.meta.url));
    const ignored = execFileSync("git", ["check-ignore", ".edge-kms/", "node_modules"], {
      cwd: checkout,
      encoding: "utf8",
    });
    expect(ignored.trim().split("\n")).toEqual([".edge-kms/", "node_modules"]);
  });
});
