/**
 * Delivering what waits: claimed, sent, settled; a copy that dies in between leaves a claim that runs out. So a message arrives
 * at least once, and carries an id by which a receiver knows it again.
 */

import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import {
  type AttemptResult,
  claimDueNotifications,
  type DueNotification,
  removeSettledNotifications,
  settleNotification,
} from "../db/queries/notifications.ts";
import { describeError, type Log } from "../log.ts";
import type { Mailer } from "./mail.ts";
import { messageOf } from "./message.ts";
import { DeliveryError, type Receivers } from "./receiver.ts";
import { postWebhook, type WebhookKey } from "./webhook.ts";
import { postToRobot } from "./wecom.ts";

export interface NotificationServices {
  readonly database: Database;
  readonly receivers: Receivers;
  readonly webhookKey: WebhookKey;
  /** Null where no mail server is configured. */
  readonly mailer: Mailer | null;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long a claim holds; longer than any delivery with its deadline. */
export const claimMs = 60_000;
const batch = 16;

/** Pauses between attempts; after the last, about two days on, a message is given up. */
const pausesMs = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600, 57_600].map(
  (seconds) => seconds * 1_000,
);
/** How long it can be seen what became of a message. */
const keptMs = 30 * 86_400_000;

/** Delivers what is due. What fails is tried again later; nothing is thrown for it. */
export async function deliverNotifications(services: NotificationServices): Promise<void> {
  const { database, clock } = services;
  for (;;) {
    const nowMs = clock();
    const due = await database.transaction((tx) =>
      claimDueNotifications(tx, nowMs, nowMs + claimMs, batch),
    );
    await Promise.all(due.map((one) => deliverOne(services, one)));
    if (due.length < batch) break;
  }
  await database.transaction((tx) => removeSettledNotifications(tx, clock() - keptMs));
}

async function deliverOne(services: NotificationServices, due: DueNotification): Promise<void> {
  const { database, clock, log } = services;
  const { notificationId, attempts, target } = due;
  let result: AttemptResult = { state: "Delivered", words: "delivered" };
  try {
    await send(services, due);
  } catch (error) {
    const words = error instanceof DeliveryError ? error.message : "failed";
    const pauseMs = pausesMs[attempts];
    const isOver = pauseMs === undefined || (error instanceof DeliveryError && !error.mayRetry);
    result = isOver
      ? { state: "GivenUp", words }
      : { state: "Waiting", dueAtMs: clock() + pauseMs, words };
    log.warn(isOver ? "notification given up" : "notification not delivered", {
      notificationId,
      kind: target.kind,
      words,
      attempt: attempts + 1,
      ...(error instanceof DeliveryError ? {} : describeError(error)),
    });
  }
  await database
    .transaction((tx) => settleNotification(tx, due, result, clock()))
    .catch((error: unknown) =>
      log.warn("notification not settled", { notificationId, ...describeError(error) }),
    );
}

async function send(services: NotificationServices, due: DueNotification): Promise<void> {
  const { receivers, webhookKey, mailer, clock } = services;
  const { target, notificationId } = due;
  const nowMs = clock();
  const message = messageOf(due, nowMs);
  // A row that gathered more alarms while it was on its way tells another story, under another id.
  const id = due.alarm === null ? notificationId : `${notificationId}-${due.alarm.id}`;
  switch (target.kind) {
    case "webhook":
      return postWebhook(receivers, webhookKey, new URL(target.address), id, message.body, nowMs);
    case "wecom":
      return postToRobot(receivers, new URL(target.address), message);
    case "email":
      if (mailer === null) throw new DeliveryError("no mail server", { mayRetry: true });
      return mailer.send(target.address, id, message);
  }
}
