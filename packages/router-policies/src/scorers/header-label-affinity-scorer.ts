import * as z from "zod";
import { defineScorer } from "../framework/plugin.ts";

const parameters = z.strictObject({
  headerName: z.string().min(1).describe("header that has the wanted value"),
  labelKey: z.string().min(1).describe("label that is compared with it"),
});

/** 1 where a label has the value of a request header, else 0. Source: llm-d-router `scorer/headerlabelaffinity`. */
export const headerLabelAffinityScorer = defineScorer<z.output<typeof parameters>>({
  type: "header-label-affinity-scorer",
  summary: "Prefers endpoints whose label has the value of a request header.",
  parameters,
  alpha: true,
  create({ headerName, labelKey }) {
    const header = headerName.toLowerCase();
    return {
      score(request, endpoints, scores) {
        const wanted = request.header(header);
        if (!wanted) return;
        for (let i = 0; i < endpoints.length; i++) scores[i] = endpoints[i]!.labels[labelKey] === wanted ? 1 : 0;
      },
      facts: ({ labels }) => labels[labelKey] ?? "no label",
    };
  },
});
