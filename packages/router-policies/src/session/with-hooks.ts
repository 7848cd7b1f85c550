import type { Hooks } from "../framework/plugin.ts";
import type { SessionAffinity } from "./session-affinity.ts";

/** A plugin with the hooks of its session affinity, those that it has. */
export function withHooks<P extends object>(session: SessionAffinity, plugin: P): P & Hooks {
  const { preRequest, outgoing } = session;
  return {
    ...plugin,
    ...(preRequest === undefined ? {} : { preRequest: preRequest.bind(session) }),
    ...(outgoing === undefined ? {} : { outgoing: outgoing.bind(session) }),
  };
}
