/**
 * A WeCom (企业微信) group robot: `{"msgtype":"text","text":{"content":…}}` of at most 2,048 bytes, answered with HTTP 200 and
 * `{"errcode":0}`. The URL has the robot's key in it: who knows it can post, so it is shown to nobody in full.
 */

import { utf8Length } from "@edge-kms/protocol";
import type { Message } from "./message.ts";
import { DeliveryError, type Receivers } from "./receiver.ts";

const maxContentBytes = 2_048;

/** @throws DeliveryError unless the robot says that it took the message. */
export async function postToRobot(receivers: Receivers, url: URL, message: Message): Promise<void> {
  const content = fit([message.subject, ...message.lines]);
  const body = JSON.stringify({ msgtype: "text", text: { content } });
  const { status, text } = await receivers.post(url, {}, body);
  if (status !== 200) throw new DeliveryError(`HTTP ${status}`, { mayRetry: true });
  const errcode = readErrcode(text);
  if (errcode === 0) return;
  // 93000: no such robot. All else (45009: too many messages) may pass.
  throw new DeliveryError(`errcode ${errcode ?? "missing"}`, { mayRetry: errcode !== 93_000 });
}

/** As many whole lines as there is room for. */
function fit(lines: readonly string[]): string {
  let content = "";
  for (const line of lines) {
    const longer = content === "" ? line : `${content}\n${line}`;
    if (utf8Length(longer) > maxContentBytes) break;
    content = longer;
  }
  return content;
}

function readErrcode(text: string): number | null {
  try {
    const code: unknown = Reflect.get(JSON.parse(text) as object, "errcode");
    return Number.isInteger(code) ? (code as number) : null;
  } catch {
    return null;
  }
}
