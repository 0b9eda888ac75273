/**
 * The services of the API family that are served here, and region names. A request is routed by version and action, never
 * by host name or credential scope; no two of these services share a version or an action name.
 */

export const services = {
  kms: { version: "2019-01-18" },
  /** What the real service has no actions for: edges, alarms. */
  edgekms: { version: "2026-11-27" },
} as const;

export type ServiceName = keyof typeof services;

const serviceNames = Object.keys(services) as readonly ServiceName[];

/** The service that a version belongs to, or `null` when none does. */
export function serviceOfVersion(version: string): ServiceName | null {
  return serviceNames.find((name) => services[name].version === version) ?? null;
}

const regionName = /^[a-z]{2,8}(-[a-z0-9]{1,16}){1,3}$/;

/** Whether a text has the form of a region name, such as `ap-guangzhou`. Which regions exist is configuration. */
export function isRegionName(text: string): boolean {
  return regionName.test(text);
}
