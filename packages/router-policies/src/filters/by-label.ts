import * as z from "zod";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineFilter } from "../framework/plugin.ts";
import { keepWhere } from "./keep.ts";

/** The older form of `label-selector-filter`: keeps endpoints by the values of one label. */
export const byLabel = defineFilter({
  type: "by-label",
  summary: "Keeps endpoints by the values of one label (deprecated: label-selector-filter).",
  parameters: z.strictObject({
    label: z.string().min(1),
    validValues: z.array(z.string()).default([]),
    allowsNoLabel: z.boolean().default(false),
  }),
  create({ label, validValues, allowsNoLabel }) {
    const scratch: Endpoint[] = [];
    const keeps = ({ labels }: Endpoint): boolean => {
      const value = labels[label];
      return value === undefined ? allowsNoLabel : validValues.includes(value);
    };
    return { filter: (_request, endpoints) => keepWhere(endpoints, scratch, keeps) };
  },
});
