import * as z from "zod";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineFilter, type FilterDefinition } from "../framework/plugin.ts";
import { keepWhere } from "./keep.ts";

/** The pod label that says which stages an endpoint serves. */
const ROLE_LABEL = "llm-d.ai/role";

/** A filter by role label. Source: llm-d-router `filter/bylabel`, roles. */
export function defineRoleFilter(
  stage: string,
  roles: readonly string[],
  keepsUnlabelled: boolean,
): FilterDefinition<Record<string, never>> {
  const unlabelled = keepsUnlabelled ? ", or none" : "";
  return defineFilter({
    type: `${stage}-filter`,
    summary: `Keeps endpoints whose ${ROLE_LABEL} is ${roles.join(", ")}${unlabelled}.`,
    parameters: z.strictObject({}),
    ignoresParameters: true,
    create() {
      const scratch: Endpoint[] = [];
      /** Those asked for last, and what was kept of them: mostly they are the same again, and labels never change. */
      const asked: Endpoint[] = [];
      let kept: readonly Endpoint[] = [];
      const keeps = (endpoint: Endpoint): boolean => {
        const role = endpoint.labels[ROLE_LABEL];
        return role === undefined ? keepsUnlabelled : roles.includes(role);
      };
      return {
        filter(_request, endpoints) {
          if (kept !== endpoints && areSame(endpoints, asked)) return kept === asked ? endpoints : kept;
          asked.length = 0;
          for (let i = 0; i < endpoints.length; i++) asked.push(endpoints[i]!);
          const found = keepWhere(endpoints, scratch, keeps);
          kept = found === endpoints ? asked : found;
          return found;
        },
      };
    },
  });
}

function areSame(some: readonly Endpoint[], others: readonly Endpoint[]): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}
