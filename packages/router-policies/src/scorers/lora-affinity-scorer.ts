import * as z from "zod";
import type { LoraAdapters } from "../framework/endpoint.ts";
import { defineScorer } from "../framework/plugin.ts";

/** 1 where the model's adapter runs, 0.8 where there is room for it, 0.6 where it waits, else 0. */
function affinity(model: string, lora: LoraAdapters | undefined): number {
  if (lora === undefined) return 0;
  if (lora.running.includes(model)) return 1;
  if (lora.running.length + lora.waiting.length < lora.maxActive) return 0.8;
  return lora.waiting.includes(model) ? 0.6 : 0;
}

/** Running adapters that an explanation names. */
const NAMED = 8;

function listed(adapters: readonly string[]): string {
  if (adapters.length === 0) return "no adapter";
  const more = adapters.length > NAMED ? ` and ${adapters.length - NAMED} more` : "";
  return adapters.slice(0, NAMED).join(", ") + more;
}

/** Prefers endpoints that have the target model's LoRA adapter loaded. Source: llm-d-router `scorer/loraaffinity`. */
export const loraAffinityScorer = defineScorer({
  type: "lora-affinity-scorer",
  summary: "Prefers endpoints that run the target model's LoRA adapter, then those with room for it.",
  parameters: z.strictObject({}),
  ignoresParameters: true,
  readsMetrics: true,
  requiresExtractor: true,
  create: () => ({
    score({ targetModel }, endpoints, scores) {
      for (let i = 0; i < endpoints.length; i++) scores[i] = affinity(targetModel, endpoints[i]!.metrics.lora);
    },
    facts({ metrics: { lora } }) {
      if (lora === undefined) return "tells of no adapters";
      return `runs ${listed(lora.running)}; ${lora.waiting.length} waiting, room for ${lora.maxActive}`;
    },
  }),
});
