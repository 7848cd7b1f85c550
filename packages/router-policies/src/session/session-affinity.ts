import type { ProfileResult } from "../framework/decision.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import type { Hooks } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";

/** Knows which endpoint a request's session is bound to. */
export interface SessionAffinity extends Hooks {
  /** The candidate that the session is bound to; undefined without a session, and where that endpoint is none. */
  bound(request: InferenceRequest, endpoints: readonly Endpoint[], nowUs: number): Endpoint | undefined;
}

/** The name of an endpoint in tokens and bindings. */
export const keyOf = ({ namespace, name }: Endpoint): string => `${namespace}/${name}`;

/** The target of the profile that binds: the named one, or the primary. */
export function bindingTarget(
  profileName: string | undefined,
  primary: ProfileResult,
  profiles: readonly ProfileResult[],
): Endpoint | undefined {
  if (!profileName) return primary.targets[0];
  return profiles.find(({ profile }) => profile === profileName)?.targets[0];
}
