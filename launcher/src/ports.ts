/** Are the ports free that we are about to use? */

import { createServer } from "node:net";
import { StartError } from "./start-error.ts";

/** Throws {@link StartError} naming the first port that something else listens on. */
export async function requireFreePorts(host: string, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once("error", (error: NodeJS.ErrnoException) => {
        reject(
          new StartError(
            error.code === "EADDRINUSE"
              ? `Port ${port} on ${host} is in use; choose others with EDGE_KMS_PORT (edge-kms takes that port and the two after it).`
              : `Cannot listen on ${host} port ${port}: ${error.message}`,
          ),
        );
      });
      server.listen(port, host, () => server.close(() => resolve()));
    });
  }
}
