import * as z from "zod";

const seconds = z.number().nullable();
const distribution = z.strictObject({
  count: z.number().int().meta({ description: "Values that went in" }),
  meanSeconds: seconds,
  p50Seconds: seconds,
  p90Seconds: seconds,
  p95Seconds: seconds,
  p99Seconds: seconds,
  maxSeconds: seconds,
});

const number = (description: string) => z.number().nullable().meta({ description });

const requestBlock = {
  requests: z
    .strictObject({
      total: z.number().int(),
      completed: z.number().int(),
      rejected: z.number().int().meta({ description: "Turned away by the router" }),
      refusedTooLong: z
        .number()
        .int()
        .meta({ description: "Longer than the model, the KV cache or a step of whole prompts allows" }),
      unfinished: z.number().int().meta({ description: "Still under way, or not sent, when the run was stopped" }),
      cancelled: z.number().int().optional().meta({ description: "Given up by their clients before the last token" }),
      timedOut: z.number().int().optional().meta({ description: "Not ended within the time that clients wait" }),
      overflowed: z.number().int().optional().meta({ description: "Refused by the gateway, which was full" }),
    })
    .meta({ description: "Requests by outcome" }),
  latency: z
    .strictObject({
      ttft: distribution,
      tpot: distribution,
      ntpot: distribution,
      e2e: distribution,
      queueTime: distribution,
    })
    .meta({ description: "Quantiles by linear interpolation between order statistics" }),
  requestsPerSecond: number("Completed requests per second, drain included"),
  goodputRequestsPerSecond: number("Completed requests per second that meet every SLO they carry"),
  sloAttainmentFraction: number("Share of ended requests that meet every SLO they carry"),
  outputTokensPerSecond: number("Generated tokens per second"),
  totalTokensPerSecond: number("Prompt and generated tokens per second"),
  prefixHitFraction: number("Prompt tokens found in the prefix cache, of those scheduled"),
  promptTokens: z.number().meta({ description: "Of completed requests" }),
  outputTokens: z.number().meta({ description: "Of completed requests" }),
  prefixHitTokens: z.number().meta({ description: "Prompt tokens found in HBM or loaded from tiers below it" }),
  preemptions: z.number(),
  missing: z
    .record(z.string(), z.string())
    .meta({ description: "Why a field of this block is null, by field. No data is never a pass." }),
};

const hardwareBlock = {
  replicas: z.number().int(),
  utilisationFraction: number("Share of replica time in which a step runs"),
  costUsd: number("Price of every accelerator over the span"),
  costPerMillionTokensUsd: number("Cost per million prompt and generated tokens"),
  costPerMillionOutputTokensUsd: number("Cost per million generated tokens"),
  energyJoules: number("Accelerators only"),
  energyJoulesPerToken: number("Energy per prompt or generated token"),
};

const tiersBlock = z.strictObject({
  tierHitFraction: number("Prompt tokens loaded from tiers below HBM, of those scheduled"),
  hitTokens: z
    .record(z.string(), z.number())
    .meta({ description: "Prompt tokens loaded, by tier; peers: other pods'" }),
  loadedBytes: z.number().meta({ description: "KV cache that was loaded into HBM" }),
  byTier: z
    .record(
      z.string(),
      z.strictObject({
        instances: z.number().int(),
        capacityBlocks: z.number().meta({ description: "Of all instances, as the next three" }),
        usedBlocks: z.number(),
        storedBlocks: z.number(),
        evictedBlocks: z.number(),
        readBytes: z.number(),
        writtenBytes: z.number(),
      }),
    )
    .meta({ description: "What the tiers held and moved" }),
});

const adaptersBlock = {
  fromHost: z.number().int().meta({ description: "Adapters put into a slot from host memory" }),
  fromStorage: z.number().int().meta({ description: "Adapters put into a slot from storage" }),
  waitSeconds: z.number().meta({ description: "Time for which steps waited for that, of all replicas together" }),
};

/** The schema of a run's summary, printed by `windtunnel schema RunSummary`. */
export const runSummarySchema = z
  .strictObject({
    $schema: z.string(),
    apiVersion: z.literal("windtunnel.dev/v1alpha1"),
    kind: z.literal("RunSummary"),
    version: z.string().meta({ description: "Version of windtunnel" }),
    simulated: z.literal(true).meta({ description: "These are predictions, not measurements" }),
    scenario: z.string(),
    policy: z.string().meta({ description: "Preset or file of the router's configuration" }),
    seed: z.union([z.number(), z.string()]),
    partial: z.boolean().meta({ description: "True when the run was stopped before its end" }),
    inputs: z
      .array(z.strictObject({ path: z.string(), sha256: z.string() }))
      .meta({ description: "Files that the run read" }),
    spanSeconds: z.number().meta({ description: "First arrival to last finish, simulated time" }),
    fleet: z.strictObject({
      ...requestBlock,
      latency: requestBlock.latency.extend({
        itl: distribution,
        remoteEncode: distribution.optional().meta({ description: "Only where pods may encode for others" }),
        remotePrefill: distribution.optional().meta({ description: "Only where pods may prefill for others" }),
        kvTransfer: distribution.optional().meta({ description: "Only where pods may prefill for others" }),
        kvLoad: distribution.optional().meta({ description: "Only where pools have tiers below HBM" }),
        slotWait: distribution.optional().meta({ description: "Only where pools serve LoRA adapters" }),
        adapterLoad: distribution.optional().meta({ description: "Only where pools serve LoRA adapters" }),
      }),
      ...hardwareBlock,
      encode: z
        .strictObject({
          encodedElsewhere: z.number().int().meta({ description: "Requests whose embeddings came from other pods" }),
          items: z.number().int().meta({ description: "Images, audio and video that were encoded for other pods" }),
          embeddingsBytes: z.number().meta({ description: "Embeddings that were moved between pods" }),
        })
        .optional()
        .meta({ description: "Only where pods may encode for others" }),
      disaggregation: z
        .strictObject({
          prefilledElsewhere: z.number().int().meta({ description: "Requests whose KV cache came from another pod" }),
          transferredBytes: z.number().meta({ description: "KV cache that was moved between pods" }),
          prefillFailures: z.number().int().meta({ description: "Calls of prefill pods that failed" }),
          holdTimeouts: z.number().int().meta({
            description: "Requests of which one pod waited for too long for the other; decode prefilled them",
          }),
        })
        .optional()
        .meta({ description: "Only where pods may prefill for others" }),
      tiers: tiersBlock.optional().meta({ description: "Only where pools have tiers below HBM" }),
      adapters: z
        .strictObject({
          requests: z.number().int().meta({ description: "Requests that asked for an adapter" }),
          passedOver: z
            .number()
            .int()
            .meta({ description: "Requests that waited as their adapter had no place in the batch" }),
          ...adaptersBlock,
        })
        .optional()
        .meta({ description: "Only where pools serve LoRA adapters" }),
    }),
    pools: z.array(
      z.strictObject({
        name: z.string(),
        accelerator: z.string(),
        ...requestBlock,
        ...hardwareBlock,
        encodedForOthers: z.number().int().optional().meta({
          description: "Images, audio and video encoded for other pods; only where pods may do that",
        }),
        prefilledForOthers: z
          .number()
          .int()
          .optional()
          .meta({ description: "Prompts computed for pods that decode them; only where pods may do that" }),
        adapters: z
          .strictObject(adaptersBlock)
          .optional()
          .meta({ description: "Only where pools serve LoRA adapters" }),
      }),
    ),
    classes: z.array(z.strictObject({ name: z.string(), ...requestBlock })),
  })
  .meta({
    title: "RunSummary",
    description: "What a simulated run measured; SI units, named in each field",
  });

/** What a run measured; SI units, named in each field. */
export type RunSummary = z.infer<typeof runSummarySchema>;
export type FleetSummary = RunSummary["fleet"];
export type PoolSummary = RunSummary["pools"][number];
export type ClassSummary = RunSummary["classes"][number];
