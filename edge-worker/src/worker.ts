/** The edge worker: the one entry of the bundle. */

import { ApiError } from "@edge-kms/protocol";
import { bindingsOf, ConfigurationError } from "./bindings.ts";
import { errorAnswer, plainAnswer } from "./http/answers.ts";
import { answer } from "./http/door.ts";
import { isolateOf, Visit } from "./isolate/isolate.ts";
import { describeCause } from "./log.ts";

export { EdgeInstance } from "./instance/edge-instance.ts";

const handler = {
  async fetch(request: Request, env: object, context: ExecutionContext): Promise<Response> {
    try {
      const visit = new Visit(isolateOf(bindingsOf(env)), context);
      return await answer(request, visit);
    } catch (thrown) {
      return refuse(request, thrown);
    }
  },
} satisfies ExportedHandler<object>;

// biome-ignore lint/style/noDefaultExport: the Workers runtime takes the handler as the default export.
export default handler;

/** Nothing is served with an unusable configuration; everything says so in the same way. */
function refuse(request: Request, thrown: unknown): Response {
  const isConfiguration = thrown instanceof ConfigurationError;
  const text = isConfiguration ? thrown.message : describeCause(thrown);
  console.error(`not serving: ${text}`);
  if (request.url.endsWith("/healthz")) {
    return plainAnswer(503, { status: isConfiguration ? "misconfigured" : "unavailable" });
  }
  const error = isConfiguration
    ? new ApiError("InternalError", { message: "This edge is not configured." })
    : new ApiError("InternalError");
  return errorAnswer(crypto.randomUUID(), error);
}
