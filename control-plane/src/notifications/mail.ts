/** Mail through the operator's SMTP server (nodemailer). */

import { createTransport } from "nodemailer";
import type { Message } from "./message.ts";
import { DeliveryError } from "./receiver.ts";

/** The operator's mail server: `smtp://` or `smtps://`, with user and password in it where the server wants them. */
export interface MailSettings {
  readonly url: string;
  readonly from: string;
  /** Plain SMTP without TLS to a server beyond loopback, for servers that have none. */
  readonly allowPlain: boolean;
}

export interface Mailer {
  /** @throws DeliveryError unless the server took the message. */
  send(to: string, id: string, message: Message): Promise<void>;
  close(): void;
}

const deadlineMs = 15_000;
const loopback = /^(localhost|127(\.[0-9]{1,3}){3}|\[?::1\]?)$/;

export function createMailer({ url, from, allowPlain }: MailSettings): Mailer {
  const { hostname } = new URL(url);
  const transport = createTransport({
    url,
    requireTLS: !allowPlain && !loopback.test(hostname),
    connectionTimeout: deadlineMs,
    greetingTimeout: deadlineMs,
    socketTimeout: deadlineMs,
    // A message is made here from strings; nothing may make it read a file or fetch a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(to, id, message) {
      try {
        await transport.sendMail({
          from,
          to: { name: "", address: to },
          subject: message.subject,
          text: `${message.lines.join("\n\n")}\n`,
          // The same for every attempt: a second copy is seen to be one.
          messageId: `<${id}@edge-kms>`,
          headers: { "Auto-Submitted": "auto-generated" },
        });
      } catch (thrown) {
        const status: unknown = Reflect.get(thrown as object, "responseCode");
        const isFinal = typeof status === "number" && status >= 500;
        throw new DeliveryError(typeof status === "number" ? `SMTP ${status}` : "no answer", {
          mayRetry: !isFinal,
        });
      }
    },
    close: () => transport.close(),
  };
}
