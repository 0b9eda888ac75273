// The worker that workerd serves; the entry that workerd.ts writes hands it the compiled modules. Clocks stand still inside a request, so the client takes the time:
//     /cases                 the names of all cases
//     /run?case=&bytes=&count=
//     /first                 a new core, a suite key and one message

import { createCore } from "../src/index.ts";
import { type Case, coreCases, type Operation, portableRivals, repeat } from "./cases.ts";

export interface Modules {
  readonly relaxed: object;
  readonly plain: object;
}

let cases: Case[] | undefined;
const prepared = new Map<string, Operation>();

export async function answer(request: Request, modules: Modules): Promise<Response> {
  const url = new URL(request.url);
  if (url.pathname === "/nothing") return new Response("");
  if (url.pathname === "/first") {
    const key = createCore(modules.relaxed).suiteKey(1, new Uint8Array(32));
    key.encrypt(new Uint8Array(24), new Uint8Array(0), new Uint8Array(32));
    return new Response("");
  }
  cases ??= [
    ...coreCases("wasm-core relaxed", modules.relaxed),
    ...coreCases("wasm-core plain", modules.plain),
    ...portableRivals(),
  ];
  if (url.pathname === "/cases") {
    return Response.json(
      cases.map(({ subject, implementation, sizes }) => ({ subject, implementation, sizes })),
    );
  }
  const index = Number(url.searchParams.get("case"));
  const bytes = Number(url.searchParams.get("bytes"));
  const id = `${index}/${bytes}`;
  const operation = prepared.get(id) ?? (await cases[index]?.prepare(bytes));
  if (operation === undefined) return new Response("no such case", { status: 404 });
  prepared.set(id, operation);
  await repeat(operation, Number(url.searchParams.get("count")));
  return new Response("");
}
