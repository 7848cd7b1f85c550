import type { ProfileResults } from "../framework/decision.ts";

/** A profile handler's answer when no profile is to run any more. */
export const NO_MORE: readonly string[] = [];

/** The one profile that ran, undefined where it failed or none did: the primary one of handlers that run one. */
export function onlyProfileOf(results: ProfileResults): string | undefined {
  for (const [profile, result] of results) return result === null ? undefined : profile;
  return undefined;
}
