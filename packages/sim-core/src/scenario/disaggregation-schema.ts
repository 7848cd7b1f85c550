import * as z from "zod";
import { durationUsSchema } from "../kernel/unit-schemas.ts";

/** How prefill and decode pods work together. */
export const disaggregationSchema = z
  .strictObject({
    transfer: z.enum(["pull", "push"]).default("pull").meta({
      description:
        "pull: the decode pod fetches the KV cache when the prefill has ended (NIXL); push: the prefill pod writes it into blocks that the decode pod took beforehand",
    }),
    perLayerOverlap: z
      .boolean()
      .default(false)
      .meta({ description: "With push: each layer's part is sent as soon as it is computed" }),
    setUp: durationUsSchema
      .prefault("1ms")
      .meta({ description: "Before the bytes of a transfer flow; 1ms is assumed" }),
    sidecarLeg: durationUsSchema
      .prefault("2ms")
      .meta({ description: "From the decode pod's sidecar to the prefill pod, and as much back; 2ms is assumed" }),
    prefillFailureFraction: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .meta({ description: "Share of the calls of prefill pods that fail with 502 to 504" }),
    prefillMaxRetries: z.int().min(0).max(100).default(0).meta({
      description: "Further calls after a failed one, the sidecar's --prefill-max-retries; then decode prefills",
    }),
    prefillRetryBackoff: durationUsSchema
      .prefault("200ms")
      .meta({ description: "Before a further call, the sidecar's --prefill-retry-backoff" }),
    holdTimeout: durationUsSchema.prefault("480s").meta({
      description:
        "After which a pod gives up blocks that nobody has fetched or filled, vLLM's VLLM_NIXL_ABORT_REQUEST_TIMEOUT",
    }),
  })
  .refine(({ transfer, perLayerOverlap }) => transfer === "push" || !perLayerOverlap, {
    error: "needs transfer: push, as a pull starts when all layers are computed",
    path: ["perLayerOverlap"],
  })
  .meta({
    description: "How pods that prefill and pods that decode work together; default: as llm-d's sidecar and NIXL",
  });

export type ScenarioDisaggregation = z.infer<typeof disaggregationSchema>;
