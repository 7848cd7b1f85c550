import * as z from "zod";
import { LORA_SLOWDOWN } from "../engine/lora-profile.ts";
import { bytesSchema, durationUsSchema } from "../kernel/unit-schemas.ts";

const rank = z.int().min(1).max(512);

/** LoRA adapters, vLLM's own names where it has them. */
export const loraSchema = z
  .strictObject({
    maxLoras: z
      .int()
      .min(1)
      .default(1)
      .meta({ description: "Adapters at most in one batch; as many slots are kept free in device memory" }),
    maxCpuLoras: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "Adapters at most in host memory, those in slots included; default: maxLoras" }),
    maxLoraRank: rank.default(16).meta({ description: "Rank for which the slots have room" }),
    rank: rank.optional().meta({ description: "Rank of the adapters; default: maxLoraRank" }),
    adapterSize: bytesSchema
      .optional()
      .meta({ description: "Of one adapter, all devices together; default: of all linear layers at its rank" }),
    loadTime: durationUsSchema
      .optional()
      .meta({ description: "From host memory into a slot; default: its size over the host link" }),
    fetchTime: durationUsSchema
      .optional()
      .meta({ description: "From storage to host memory before that; default: its size from an NVMe drive" }),
    slowdown: z.number().min(1).default(LORA_SLOWDOWN.value).meta({
      description: "A step with an adapter's request takes this many times as long (default assumed)",
    }),
  })
  .refine(({ maxLoras, maxCpuLoras = maxLoras }) => maxCpuLoras >= maxLoras, {
    error: "must be maxLoras or more",
    path: ["maxCpuLoras"],
  })
  .refine(({ maxLoraRank, rank: own = maxLoraRank }) => own <= maxLoraRank, {
    error: "must be maxLoraRank or less",
    path: ["rank"],
  })
  .meta({ description: "LoRA adapters that the engine serves" });

export type ScenarioLora = z.infer<typeof loraSchema>;
