import * as z from "zod";
import { durationUsSchema } from "../kernel/unit-schemas.ts";
import { inferencePerfSchema, syntheticSchema } from "../workload/generator-schema.ts";

const factor = z.number().gt(0);

/** A recorded trace and what is done to it before it is replayed. */
const traceSchema = z
  .strictObject({
    path: z.string().meta({
      description:
        "Trace file, gzip or zstd or plain; relative to the scenario; environment variables in braces are read",
    }),
    format: z.string().default("auto").meta({ description: "Format of the trace; auto detects it" }),
    jitter: durationUsSchema.prefault("0s").meta({
      description: "Adds uniform(0, jitter) to each arrival; 3s for the Mooncake traces, which are quantised to 3 s",
    }),
    timeScale: factor.default(1).meta({ description: "Multiplies every time, delays within sessions included" }),
    rateScale: factor
      .default(1)
      .meta({ description: "Arrivals come this many times as fast; delays within sessions stay" }),
    rate: factor.optional().meta({
      description: "Poisson arrivals per second instead of the trace's own; a trace of lengths only needs it",
    }),
    promptLengthScale: factor
      .default(1)
      .meta({ description: "Multiplies prompt lengths; what is shared stays shared" }),
    outputLengthScale: factor.default(1).meta({ description: "Multiplies output lengths" }),
    window: z
      .strictObject({
        start: durationUsSchema.prefault("0s").meta({ description: "First arrival that is kept, in trace time" }),
        end: durationUsSchema.optional().meta({ description: "Arrivals from here on are dropped, in trace time" }),
      })
      .optional()
      .meta({ description: "Part of the trace to replay, before any scaling" }),
    limit: z.int().min(1).optional().meta({ description: "Replays the first requests only" }),
    repeat: z.int().min(1).default(1).meta({ description: "Replays the trace this many times, one after the other" }),
    blockSizeTokens: z.int().min(1).optional().meta({ description: "Tokens of a trace block; default: the format's" }),
  })
  .meta({ description: "Replays a recorded trace" });

/** A time after which a client goes: not at the moment at which it sends. */
const patienceUsSchema = durationUsSchema.refine((us) => us >= 1, { error: "must be 1us or more" });

const SOURCES = ["trace", "synthetic", "inferencePerf"] as const;

/** Where the requests come from: exactly one of trace, synthetic, inferencePerf. */
export const workloadSchema = z
  .strictObject({
    generator: z
      .enum(["trace", "synthetic", "inference-perf"])
      .optional()
      .meta({ description: "Names the source; with inference-perf, the tool's own YAML may be pasted beside it" }),
    trace: traceSchema.optional(),
    synthetic: syntheticSchema
      .optional()
      .meta({ description: "Draws arrivals, lengths, shared prefixes and sessions" }),
    inferencePerf: inferencePerfSchema
      .optional()
      .meta({ description: "A configuration of kubernetes-sigs/inference-perf, pasted" }),
    slo: z
      .strictObject({
        ttft: durationUsSchema.optional().meta({ description: "Longest time to first token" }),
        tpot: durationUsSchema.optional().meta({ description: "Longest time per output token" }),
      })
      .optional()
      .meta({ description: "Objectives of requests whose class has none of its own" }),
    clientTimeout: patienceUsSchema.optional().meta({
      description: "Clients give up on a request that has not ended this long after it was sent",
    }),
    cancel: z
      .strictObject({
        fraction: z.number().min(0).max(1).meta({ description: "Share of the requests that are cancelled" }),
        after: patienceUsSchema.meta({ description: "How long after they were sent" }),
      })
      .optional()
      .meta({ description: "Requests that clients cancel if they have not ended by then" }),
  })
  .superRefine((workload, context) => {
    const given = SOURCES.filter((source) => workload[source] !== undefined);
    if (given.length !== 1) {
      const found = given.length === 0 ? "none" : given.join(", ");
      context.addIssue({ code: "custom", message: `needs exactly one of ${SOURCES.join(", ")}; found ${found}` });
    } else if (workload.generator !== undefined && SOURCE_OF[workload.generator] !== given[0]) {
      const message = `generator ${workload.generator} does not go with ${given[0]}`;
      context.addIssue({ code: "custom", path: ["generator"], message });
    }
  })
  .meta({ description: "The traffic: exactly one of trace, synthetic, inferencePerf" });

const SOURCE_OF = { trace: "trace", synthetic: "synthetic", "inference-perf": "inferencePerf" } as const;

/**
 * The workload block with a pasted inference-perf configuration moved under `inferencePerf`: beside
 * `generator: inference-perf` the tool's own keys may stand as they are.
 */
export function gatherPastedGenerator(workload: unknown): unknown {
  if (typeof workload !== "object" || workload === null || Array.isArray(workload)) return workload;
  const { generator, slo, clientTimeout, cancel, ...pasted } = workload as Record<string, unknown>;
  if (generator !== "inference-perf" || "inferencePerf" in pasted || Object.keys(pasted).length === 0) return workload;
  const ours = Object.entries({ slo, clientTimeout, cancel }).filter(([, value]) => value !== undefined);
  return { generator, ...Object.fromEntries(ours), inferencePerf: pasted };
}
