import * as z from "zod";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineFilter } from "../framework/plugin.ts";
import { keepWhere } from "./keep.ts";

const requirement = z
  .strictObject({
    key: z.string().min(1),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: z.array(z.string()).default([]),
  })
  .refine((given) => given.operator.endsWith("In") === given.values.length > 0, {
    error: 'In and NotIn need "values", Exists and DoesNotExist take none',
    path: ["values"],
  });
type Requirement = z.infer<typeof requirement>;

/** Whether labels meet one `matchExpressions` entry; NotIn also accepts a missing label. Source: Kubernetes `labels`. */
function meets(labels: Readonly<Record<string, string>>, { key, operator, values }: Requirement): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

/** Keeps endpoints whose labels match a Kubernetes label selector; an empty selector matches all. */
export const labelSelectorFilter = defineFilter({
  type: "label-selector-filter",
  aliases: ["by-label-selector"],
  summary: "Keeps endpoints whose labels match a Kubernetes label selector.",
  parameters: z.strictObject({
    matchLabels: z.record(z.string(), z.string()).default({}),
    matchExpressions: z.array(requirement).default([]),
  }),
  create({ matchLabels, matchExpressions }) {
    const wanted = Object.entries(matchLabels);
    const scratch: Endpoint[] = [];
    const keeps = ({ labels }: Endpoint): boolean => {
      for (const [key, value] of wanted) if (labels[key] !== value) return false;
      for (const expression of matchExpressions) if (!meets(labels, expression)) return false;
      return true;
    };
    return { filter: (_request, endpoints) => keepWhere(endpoints, scratch, keeps) };
  },
});
