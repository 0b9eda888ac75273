/**
 * Resources of statements (contract §4.2): `*`, or six segments
 *
 *     qcs:<project, empty>:<service>:<region>:uin/<owner>:<path>
 *
 * An empty service or region is every one, an empty account that of the policy's author. Stars reach no further than their segment.
 */

import type { ErrorCode } from "../errors.ts";
import { isRegionName } from "../services.ts";
import type { ConditionContext } from "./conditions.ts";
import { compilePattern, matchesPattern, type Pattern } from "./pattern.ts";

/** What a call is about. */
export interface Resource {
  readonly service: string;
  /** Empty for calls that are about no region. */
  readonly region: string;
  /** Uin of the account that owns it. */
  readonly owner: string;
  /** Such as `key/creatorUin/<uin>/<keyId>`; `key/*` for all of an account's keys, which is what calls on the whole are about. */
  readonly path: string;
  /** What conditions see of it: its tags, and who created it. */
  readonly context?: ConditionContext;
}

/** Null service, region: every one. The account is decided when it is compiled. */
export interface CompiledResource {
  readonly service: Pattern | null;
  readonly region: Pattern | null;
  readonly path: Pattern;
}

interface Segments {
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly path: string;
}

/** The segments of a resource, or the code that names what is wrong with it. `*` alone has none: ask before. */
export function parseResource(
  text: string,
  isService: (name: string) => boolean,
): Segments | ErrorCode {
  const parts = text.split(":");
  const [scheme, project, service, region, account] = parts;
  if (scheme !== "qcs") return "InvalidParameter.ResourceQcsError";
  if (parts.length < 6) return "InvalidParameter.ResourceContentError";
  if (project !== "") return "InvalidParameter.ResourceProjectError";
  if (service === undefined || region === undefined || account === undefined) {
    return "InvalidParameter.ResourceContentError";
  }
  if (service !== "" && !isPatternOf(service, isService)) {
    return "InvalidParameter.ResourceServiceNotExist";
  }
  if (region !== "" && !isPatternOf(region, isRegionName)) {
    return "InvalidParameter.ResourceRegionError";
  }
  if (!/^(uin\/(\d{1,20}|\$\{owner_uin\})?)?$/.test(account)) {
    return "InvalidParameter.ResourceUinError";
  }
  // Ids and names of ours have no colon, but those of others may.
  const path = parts.slice(5).join(":");
  if (path === "") return "InvalidParameter.ResourceContentError";
  return { service, region, account, path };
}

/** A star makes it a pattern, of which nobody can say that it names nothing. */
function isPatternOf(text: string, isName: (name: string) => boolean): boolean {
  return /^[a-z0-9*-]+$/.test(text) && (text.includes("*") || isName(text));
}

/** Null when it is about another account, and so about nothing that is there. */
export function compileResource(segments: Segments, owner: string): CompiledResource | null {
  const account = segments.account.replace(/^uin\//, "");
  if (account !== "" && account !== owner) return null;
  const orAll = (text: string): Pattern | null => (text === "" ? null : compilePattern(text));
  return {
    service: orAll(segments.service),
    region: orAll(segments.region),
    path: compilePattern(segments.path),
  };
}

export function matchesResource(compiled: CompiledResource, resource: Resource): boolean {
  const { service, region, path } = compiled;
  return (
    (service === null || matchesPattern(service, resource.service)) &&
    (region === null || matchesPattern(region, resource.region)) &&
    matchesPattern(path, resource.path)
  );
}
