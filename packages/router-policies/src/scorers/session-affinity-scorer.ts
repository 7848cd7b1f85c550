import { defineScorer } from "../framework/plugin.ts";
import {
  createSessionAffinity,
  type SessionAffinityParameters,
  sessionAffinityParameters,
  sessionKeys,
} from "../session/create-session-affinity.ts";
import { withHooks } from "../session/with-hooks.ts";

/** 1 for the endpoint that the request's session is bound to, else 0. Source: llm-d-router `scorer/sessionaffinity`. */
export const sessionAffinityScorer = defineScorer<SessionAffinityParameters>({
  type: "session-affinity-scorer",
  summary: "Prefers the endpoint that the request's session is bound to.",
  parameters: sessionAffinityParameters,
  alpha: true,
  requires: sessionKeys,
  create(given, context) {
    const session = createSessionAffinity(given, context);
    return withHooks(session, {
      score(request, endpoints, scores, nowUs) {
        const bound = session.bound(request, endpoints, nowUs);
        for (let i = 0; i < endpoints.length; i++) scores[i] = endpoints[i] === bound ? 1 : 0;
      },
    });
  },
});
