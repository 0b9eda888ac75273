/** What a target is told: the same facts as JSON for programs and as text, in Chinese and English, for people. */

import type { Alarm } from "../db/queries/alarms.ts";
import type { DueNotification } from "../db/queries/notifications.ts";

/** The body of a generic webhook. Fields are only ever added. */
export interface NotificationBody {
  readonly type:
    | "kms.key.used-while-pending-deletion"
    | "kms.key.deletion-approaching"
    | "kms.test";
  /** ISO 8601: when the newest of the alarms was raised. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, string | number>>;
}

export interface Message {
  readonly subject: string;
  /** Lines of plain text. */
  readonly lines: readonly string[];
  readonly body: NotificationBody;
}

type Told = Pick<DueNotification, "alarm" | "untold" | "kind">;

export function messageOf({ alarm, untold }: Told, nowMs: number): Message {
  if (alarm === null) return test(nowMs);
  return alarm.kind === "UseOfKeyPendingDeletion" ? use(alarm, untold) : approaching(alarm);
}

function use(alarm: Alarm, attempts: number): Message {
  const date = isoOf(alarm.deletionAtMs);
  const { alias } = alarm;
  return {
    subject: `[edge-kms] ${alias}: a key that waits for deletion is still in use / 计划删除的密钥仍在使用`,
    lines: [
      `The key ${alias} (${alarm.keyId}, ${alarm.region}) will be destroyed on ${date}, and someone has just tried to use it: ` +
        `${attempts === 1 ? "one attempt" : `${attempts} attempts`}, the last ${alarm.action} by ${alarm.uin} from ${alarm.sourceAddress || "an unknown address"}.`,
      "If it is still needed, take the deletion back with CancelKeyDeletion. What it has encrypted cannot be read without it.",
      `密钥 ${alias}（${alarm.keyId}，${alarm.region}）将于 ${date} 销毁，但刚才仍有人尝试使用它：共 ${attempts} 次，最近一次为 ` +
        `${alarm.uin} 从 ${alarm.sourceAddress || "未知地址"} 调用 ${alarm.action}。`,
      "如仍需使用，请调用 CancelKeyDeletion 取消删除；密钥销毁后，由它加密的数据将无法解密。",
    ],
    body: {
      type: "kms.key.used-while-pending-deletion",
      timestamp: isoOf(alarm.timeMs),
      data: {
        ...keyOf(alarm),
        attempts,
        lastAction: alarm.action,
        lastUin: alarm.uin,
        lastSecretId: alarm.secretId,
        lastSourceAddress: alarm.sourceAddress,
        lastRequestId: alarm.requestId,
      },
    },
  };
}

function approaching(alarm: Alarm): Message {
  const date = isoOf(alarm.deletionAtMs);
  const { alias } = alarm;
  const daysLeft = alarm.daysLeft ?? 0;
  const inDays = daysLeft === 1 ? "within a day" : `in ${daysLeft} days`;
  return {
    subject: `[edge-kms] ${alias}: destroyed ${inDays} / 密钥将在 ${daysLeft} 天内销毁`,
    lines: [
      `The key ${alias} (${alarm.keyId}, ${alarm.region}) will be destroyed ${inDays}, on ${date}.`,
      "Until then CancelKeyDeletion takes it back. What it has encrypted cannot be read without it.",
      `密钥 ${alias}（${alarm.keyId}，${alarm.region}）将在 ${daysLeft} 天内（${date}）销毁。`,
      "在此之前可调用 CancelKeyDeletion 取消删除；密钥销毁后，由它加密的数据将无法解密。",
    ],
    body: {
      type: "kms.key.deletion-approaching",
      timestamp: isoOf(alarm.timeMs),
      data: { ...keyOf(alarm), daysLeft },
    },
  };
}

function test(nowMs: number): Message {
  return {
    subject: "[edge-kms] Test / 测试",
    lines: ["Alarms about keys will arrive here.", "密钥告警将发送到这里。"],
    body: { type: "kms.test", timestamp: isoOf(nowMs), data: {} },
  };
}

const isoOf = (ms: number): string => new Date(ms).toISOString();

function keyOf({ account, region, keyId, alias, deletionAtMs }: Alarm) {
  return { account, region, keyId, alias, deletionDate: isoOf(deletionAtMs) };
}
