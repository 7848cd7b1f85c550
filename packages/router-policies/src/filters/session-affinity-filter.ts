import { defineFilter } from "../framework/plugin.ts";
import {
  createSessionAffinity,
  type SessionAffinityParameters,
  sessionAffinityParameters,
  sessionKeys,
} from "../session/create-session-affinity.ts";
import { withHooks } from "../session/with-hooks.ts";

/** Keeps only the endpoint that the request's session is bound to, or all. Source: llm-d-router `filter/sessionaffinity`. */
export const sessionAffinityFilter = defineFilter<SessionAffinityParameters>({
  type: "session-affinity-filter",
  summary: "Keeps the endpoint that the request's session is bound to; all where there is none.",
  parameters: sessionAffinityParameters,
  alpha: true,
  requires: sessionKeys,
  create(given, context) {
    const session = createSessionAffinity(given, context);
    return withHooks(session, {
      filter(request, endpoints, nowUs) {
        const bound = session.bound(request, endpoints, nowUs);
        return bound === undefined || endpoints.length === 1 ? endpoints : [bound];
      },
    });
  },
});
