/**
 * The PKCS#11 process: the only one that loads the vendor's library, so that a crash in there takes nothing else along.
 * Started by `worker-process.ts` through child_process.fork; serves operations until its channel closes.
 */

import { initToken } from "./init-token.ts";
import { type Library, loadLibrary } from "./library.ts";
import type { WorkerRequest, WorkerResponse } from "./messages.ts";
import { probeToken } from "./probe.ts";
import { TokenError, TokenLostError, toFailure } from "./return-values.ts";
import { Sessions } from "./sessions.ts";
import { Token } from "./token.ts";

interface OpenToken {
  readonly library: Library;
  readonly sessions: Sessions;
  readonly token: Token;
  readonly acceptExtractingToken: boolean;
}

let open: OpenToken | null = null;
let underWay = 0;

function requireOpen(): OpenToken {
  if (open === null) throw new TokenError("hsm-unavailable", "The token is not open.");
  return open;
}

function alone<T>(work: (token: Token) => Promise<T>): Promise<T> {
  const { token } = requireOpen();
  return token.alone(() => work(token));
}

/** Answers the output and the buffers to wipe once it has been sent. */
async function serve(request: WorkerRequest): Promise<{ output: unknown; secrets?: Uint8Array[] }> {
  switch (request.operation) {
    case "open": {
      const settings = request.input;
      const library = loadLibrary(settings.modulePath, settings.libraryParameters);
      const sessions = new Sessions(library, settings);
      sessions.logIn();
      const { acceptExtractingToken } = settings;
      const report = await probeToken(library, sessions, acceptExtractingToken);
      open = { library, sessions, token: new Token(library, sessions), acceptExtractingToken };
      return { output: report };
    }
    case "initToken": {
      const { modulePath, libraryParameters } = request.input;
      return { output: initToken(loadLibrary(modulePath, libraryParameters), request.input) };
    }
    case "generate":
      await alone((token) => token.generate(request.input.id));
      return { output: null };
    case "encrypt": {
      const { id, plaintext, aad } = request.input;
      const secret = bufferOf(plaintext);
      try {
        return { output: await requireOpen().token.encrypt(id, secret, bufferOf(aad)) };
      } finally {
        secret.fill(0);
      }
    }
    case "decrypt": {
      const { id, sealed, aad } = request.input;
      const output = await requireOpen().token.decrypt(id, bufferOf(sealed), bufferOf(aad));
      return { output, secrets: [output] };
    }
    case "importKey": {
      const secret = bufferOf(request.input.key);
      try {
        await alone((token) => token.importKey(request.input.id, secret));
        return { output: null };
      } finally {
        secret.fill(0);
      }
    }
    case "generatePair": {
      const { id, kind } = request.input;
      return { output: await alone((token) => token.pairs.generate(id, kind)) };
    }
    case "rsaDecrypt": {
      const { id, padding, ciphertext } = request.input;
      const { token } = requireOpen();
      await token.locatePrivate(id);
      const output = await token.pairs.rsaDecrypt(id, padding, bufferOf(ciphertext));
      return { output, secrets: [output] };
    }
    case "sign": {
      const { id, scheme, digest } = request.input;
      const { token } = requireOpen();
      await token.locatePrivate(id);
      return { output: await token.pairs.sign(id, scheme, bufferOf(digest)) };
    }
    case "destroy":
      return { output: await alone((token) => token.destroy(request.input.id)) };
    case "has":
      return { output: await alone((token) => token.has(request.input.id)) };
    case "removeHollow":
      return { output: await alone((token) => token.removeHollow()) };
    case "list":
      return { output: await alone((token) => token.list()) };
    case "random": {
      const output = await requireOpen().token.random(request.input.byteCount);
      return { output, secrets: [output] };
    }
    case "selfTest": {
      const { library, sessions, acceptExtractingToken } = requireOpen();
      return { output: await probeToken(library, sessions, acceptExtractingToken) };
    }
    case "close":
      return { output: null };
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function answer(response: WorkerResponse, then: () => void = () => {}): void {
  // send() serialises before it returns, so the caller may wipe at once.
  if (process.connected) process.send?.(response, undefined, undefined, then);
}

process.on("message", (request: WorkerRequest) => {
  underWay += 1;
  serve(request).then(
    ({ output, secrets = [] }) => {
      underWay -= 1;
      answer({ seq: request.seq, ok: true, output }, () => {
        if (request.operation === "close") finish();
      });
      for (const secret of secrets) secret.fill(0);
    },
    (error: unknown) => {
      underWay -= 1;
      answer({ seq: request.seq, ok: false, error: toFailure(error) }, () => {
        if (error instanceof TokenLostError) process.exit(1);
      });
    },
  );
});

/** C_Finalize during an asynchronous call crashes: only when nothing is under way, else the process just ends. */
function finish(): void {
  try {
    if (underWay === 0) open?.library.module.C_Finalize();
  } catch {
    // The process ends in any case.
  }
  process.exit(0);
}

// The bridge is gone: so is the reason for this process. Signals of a terminal are the bridge's to handle.
process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
