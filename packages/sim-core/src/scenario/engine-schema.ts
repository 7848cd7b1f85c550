import * as z from "zod";
import { ENGINE_VERSIONS } from "../engine/profiles.ts";
import { bytesSchema, durationUsSchema } from "../kernel/unit-schemas.ts";
import { loraSchema } from "./lora-schema.ts";
import { speculativeSchema } from "./speculative-schema.ts";

const fromProfile = (description: string) => ({ description: `${description}; default: the profile's` });

/** Settings of the engine, vLLM's own names; what is left out comes from the profile. */
export const engineSchema = z
  .strictObject({
    profile: z
      .string()
      .default(ENGINE_VERSIONS[0]!.name)
      .meta({
        description: `Engine and version whose rules and defaults hold. ${ENGINE_VERSIONS.map(({ name, summary }) => `${name}: ${summary}`).join(". ")}`,
      }),
    maxNumSeqs: z.int().min(1).optional().meta(fromProfile("Most sequences in a step")),
    maxNumBatchedTokens: z.int().min(1).optional().meta(fromProfile("Token budget of a step")),
    longPrefillTokenThreshold: z
      .int()
      .min(0)
      .optional()
      .meta(fromProfile("Most prompt tokens of one request in a step, 0 = no limit")),
    blockSizeTokens: z.int().min(1).optional().meta(fromProfile("Tokens of a KV block")),
    enablePrefixCaching: z.boolean().optional().meta(fromProfile("Reuse of KV blocks between requests")),
    enableChunkedPrefill: z.boolean().optional().meta(fromProfile("Prompts may be split over steps")),
    schedulerReserveFullIsl: z
      .boolean()
      .optional()
      .meta(fromProfile("Admit a request only when blocks for its whole prompt are free")),
    guaranteedNoEvict: z.boolean().optional().meta({
      description:
        "Admit a request only when blocks for it and all running ones to their ends are free; default: false",
    }),
    scheduleConservativeness: z.number().min(0).optional().meta({
      description:
        "SGLang: factor on the share of output tokens for which memory is kept free at admission; default: 1",
    }),
    schedulingPolicy: z.enum(["fcfs", "priority"]).optional().meta(fromProfile("Order of the waiting requests")),
    maxModelLen: z.int().min(1).optional().meta({ description: "Longest prompt + output; default: the model's" }),
    gpuMemoryUtilization: z
      .number()
      .gt(0)
      .lte(1)
      .optional()
      .meta(fromProfile("Fraction of accelerator memory that the engine may use")),
    reserve: bytesSchema
      .optional()
      .meta({ description: "Memory per accelerator for activations and non-torch use; default 3.4GiB (fitted)" }),
    numGpuBlocks: z
      .int()
      .min(2)
      .optional()
      .meta({ description: "KV blocks of a replica, null block included; default: derived from memory" }),
    quantization: z
      .enum(["bfloat16", "fp8", "fp8_block", "nvfp4", "mxfp4", "int8", "int4"])
      .optional()
      .meta({ description: "Format of the linear layers' weights; default: the checkpoint's" }),
    kvCacheDtype: z.enum(["bfloat16", "fp8"]).optional().meta({
      description: "Format of the KV cache; default: bfloat16, whatever the weights are; fp8 for DeepSeek-V4",
    }),
    sizingContextTokens: z.int().min(1).optional().meta({
      description:
        "Sequence by whose mean memory a token counts where layers keep a window or a state; default: the workload's mean",
    }),
    speculative: speculativeSchema.optional(),
    lora: loraSchema.optional(),
    encodePerItem: durationUsSchema.optional().meta({
      description: "Time to encode one image, audio or video; default: a roofline over the model's vision_config",
    }),
    mmEncoderOnly: z.boolean().optional().meta({
      description: "Loads the vision encoder without the language model, for pods of role encode; default: false",
    }),
    requestOverhead: durationUsSchema
      .optional()
      .meta(fromProfile("API server's time before a request reaches the scheduler")),
  })
  .prefault({})
  .meta({ description: "The engine's settings" });

const microseconds = z.number().min(0);
const knots = z.array(z.number().min(0)).min(1);

/** How long a step takes. */
export const stepTimeSchema = z
  .discriminatedUnion("model", [
    z.strictObject({
      model: z.literal("roofline").meta({ description: "Roofline per operator with fitted efficiencies" }),
      stepOverhead: durationUsSchema
        .optional()
        .meta({ description: "Time of a step above its summed kernel times; default: the profile's" }),
    }),
    z.strictObject({
      model: z.literal("constant").meta({ description: "Every step takes the same time" }),
      step: durationUsSchema.meta({ description: "Duration of a step" }),
    }),
    z.strictObject({
      model: z.literal("linear").meta({ description: "base + tokens × perTokenUs + context × perContextTokenUs" }),
      base: durationUsSchema.meta({ description: "Duration of a step with nothing in it" }),
      perTokenUs: microseconds.default(0).meta({ description: "Microseconds per token computed" }),
      perContextTokenUs: microseconds.default(0).meta({ description: "Microseconds per token attended to" }),
    }),
    z.strictObject({
      model: z.literal("table").meta({ description: "Measured steps, interpolated" }),
      decodeSeqs: knots.meta({ description: "Sequences of the measured decode batches, ascending" }),
      contextTokens: knots.meta({ description: "Context of each sequence, ascending from 0" }),
      decodeUs: z.array(knots).meta({ description: "decodeUs[i][j]: decodeSeqs[i] sequences of contextTokens[j]" }),
      prefillTokens: knots.meta({ description: "New tokens of the measured prefill steps, ascending" }),
      prefillUs: knots.meta({ description: "Microseconds of each prefill step" }),
      perCachedPairUs: microseconds
        .default(0)
        .meta({ description: "Microseconds per pair of a new token and a computed one before its chunk" }),
    }),
  ])
  .prefault({ model: "roofline" })
  .meta({ description: "How long an engine step takes" });

export type ScenarioEngine = z.infer<typeof engineSchema>;
