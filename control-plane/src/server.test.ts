/** The HTTP server itself: TLS, upgrades, and how much fits on a request line. */

import { writeFileSync } from "node:fs";
import { get } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { listActions } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { encodeHeader } from "./signed-messages/signed-messages.ts";
import { signedHeaders } from "./testing/client.ts";
import { type Account, type Harness, startHarness } from "./testing/harness.ts";
import { testCertificate, testKey } from "./testing/tls.ts";

let h: Harness;
let root: Account;
beforeAll(async () => {
  h = await startHarness();
  root = await h.account();
});
afterAll(() => h.close());

/** What comes back for these bytes until the other side closes the connection. */
function exchange(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let received = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      received += chunk;
    });
    socket.on("error", reject);
    socket.on("end", () => resolve(received));
    socket.setTimeout(3_000, () => {
      socket.destroy();
      resolve(`${received}… and then nothing`);
    });
  });
}

describe("with a certificate", () => {
  test("serves https and WebSockets over it, and nothing without it", async () => {
    const tlsCertificateFile = join(h.home, "door.crt");
    const tlsKeyFile = join(h.home, "door.key");
    writeFileSync(tlsCertificateFile, testCertificate);
    writeFileSync(tlsKeyFile, testKey);
    const { url } = await h.another({ tlsCertificateFile, tlsKeyFile });
    expect(url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      get(`${url}/healthz`, { ca: testCertificate, agent: false }, (response) => {
        resolve(response.resume().statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(200);
    const edge = h.edge(root);
    const header = encodeHeader(edge.sign("edge-kms/connect/1", edge.origin()));
    const socket = new WebSocket(`${url.replace("https", "wss")}/edge/v1/connect`, {
      ca: testCertificate,
      headers: { "x-edge-kms-connect": header },
    });
    const first = await new Promise((resolve, reject) => {
      socket.on("message", (data) => resolve(JSON.parse(String(data))));
      socket.on("error", reject);
    });
    expect(first).toMatchObject({ type: "hello" });
    socket.terminate();
    await expect(fetch(`${url.replace("https", "http")}/healthz`)).rejects.toThrow();
  });

  test("that is damaged or not the key's, does not start", async () => {
    const damaged = join(h.home, "damaged.crt");
    writeFileSync(damaged, "damaged");
    for (const file of [damaged, join(h.home, "absent.crt")]) {
      const settings = { tlsCertificateFile: file, tlsKeyFile: file };
      await expect(h.another(settings)).rejects.toThrow("tlsCertificateFile");
    }
  });
});

describe("a request that asks for an upgrade", () => {
  const upgrade = (protocol: string) => `Connection: Upgrade, close\r\nUpgrade: ${protocol}\r\n`;

  test("to a protocol that is not spoken here is answered as if it had not", async () => {
    const request = `GET /healthz HTTP/1.1\r\nHost: x\r\n${upgrade("h2c")}\r\n`;
    const answer = await exchange(h.url, request);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('{"status":"ok"}');
  });

  test("to WebSocket where none is, is served as the call it is", async () => {
    const body = Buffer.from("{}");
    const headers = signedHeaders(root, "GetRegions", body, {}, new URL(h.url).host);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const request = `POST / HTTP/1.1\r\n${lines.join("")}content-length: 2\r\n${upgrade("websocket")}\r\n{}`;
    const answer = await exchange(h.url, request);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('"Regions":["ap-singapore"');
  });
});

test("bodies that arrive slowly fill a limited room, and small calls pass beside them", async () => {
  const { hostname, port } = new URL(h.url);
  const part = Buffer.alloc(9_000_000, " ");
  const slowBody = () => {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000001\r\n\r\n");
    socket.write(part);
    return socket;
  };
  const sockets = Array.from({ length: 30 }, slowBody);
  try {
    const large = Buffer.from(`{"Padding":"${"x".repeat(9_000_000)}"}`);
    const call = () => root.call("GetRegions", {}, { body: large });
    const fill = async () => {
      // A call's own body may have taken the place of one of them, and given it back.
      sockets.push(slowBody());
      await sleep(100);
      return (await call()).code;
    };
    await expect.poll(fill, { timeout: 60_000 }).toBe("RequestLimitExceeded");
    expect((await root.call("GetRegions")).code).toBeUndefined();
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await call()).code, { timeout: 20_000 }).toBeUndefined();
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}, 90_000);

test("serves the OpenAPI document of every action, without a signature", async () => {
  const response = await fetch(`${h.url}/openapi.json`);
  expect(response.status).toBe(200);
  const document = (await response.json()) as { openapi: string; paths: object };
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths)).toEqual(listActions().map(({ name }) => `/#${name}`));
});
