import * as z from "zod";

const wholeTokens = z.int().min(0);
const seconds = z.number().positive();

/**
 * Lengths as inference-perf draws them (inference_perf/utils/distribution.py): clipped to [min, max], then rounded.
 * Its documentation writes `std`, its code `std_dev`; both are read.
 */
const distributionSchema = z
  .strictObject({
    type: z.enum(["normal", "lognormal", "uniform", "fixed"]).default("normal"),
    min: wholeTokens.default(10),
    max: wholeTokens.default(1024),
    mean: z.number().min(0).default(512),
    std_dev: z.number().min(0).optional(),
    std: z.number().min(0).optional(),
    variance: z.number().min(0).optional(),
    total_count: z.int().min(1).optional().describe("Lengths drawn; a stage cannot send more requests"),
  })
  .superRefine(({ type, min, max, mean, std_dev, std, variance }, context) => {
    if (min > max)
      context.addIssue({ code: "custom", path: ["min"], message: `expected min to be at most max (${max})` });
    if (type === "normal" && (mean < min || mean > max)) {
      context.addIssue({
        code: "custom",
        path: ["mean"],
        message: `expected a mean from min (${min}) to max (${max})`,
      });
    }
    if ([std_dev, std, variance].filter((value) => value !== undefined).length > 1) {
      context.addIssue({ code: "custom", path: ["std_dev"], message: "expected one of std_dev, std, variance" });
    }
  })
  .transform(({ std_dev, std, variance, ...rest }) => ({
    ...rest,
    stdDev: std_dev ?? std ?? (variance === undefined ? 200 : Math.sqrt(variance)),
  }));
/** A length distribution of inference-perf. */
export type InferencePerfDistribution = z.output<typeof distributionSchema>;

const lengthSchema = z.union([wholeTokens, distributionSchema]);

const sharedPrefixSchema = z
  .strictObject({
    num_groups: z.int().min(1).optional(),
    num_unique_system_prompts: z.int().min(1).optional().describe("The other name of num_groups"),
    num_prompts_per_group: z.int().min(1).optional(),
    num_users_per_system_prompt: z.int().min(1).optional().describe("The other name of num_prompts_per_group"),
    system_prompt_len: lengthSchema.default(100),
    question_len: lengthSchema.default(50),
    output_len: lengthSchema.default(50),
    question_distribution: distributionSchema.nullish(),
    output_distribution: distributionSchema.nullish(),
    seed: z.int().nullish().describe("Seed of prompts and shuffle; absent = the run's"),
    enable_multi_turn_chat: z.boolean().default(false),
  })
  .superRefine((spec, context) => {
    const both = (a: keyof typeof spec, b: keyof typeof spec) => spec[a] !== undefined && spec[b] !== undefined;
    if (both("num_groups", "num_unique_system_prompts")) {
      context.addIssue({
        code: "custom",
        path: ["num_groups"],
        message: "expected one of num_groups, num_unique_system_prompts",
      });
    }
    if (both("num_prompts_per_group", "num_users_per_system_prompt")) {
      const message = "expected one of num_prompts_per_group, num_users_per_system_prompt";
      context.addIssue({ code: "custom", path: ["num_prompts_per_group"], message });
    }
    for (const [length, legacy] of [
      ["question_len", "question_distribution"],
      ["output_len", "output_distribution"],
    ] as const) {
      if (typeof spec[length] === "object" && spec[legacy]) {
        context.addIssue({
          code: "custom",
          path: [legacy],
          message: `expected one of ${length} with a distribution, ${legacy}`,
        });
      }
    }
  });

const dataSchema = z
  .strictObject({
    type: z.enum(["shared_prefix", "random"]),
    shared_prefix: sharedPrefixSchema.optional(),
    input_distribution: distributionSchema.optional(),
    output_distribution: distributionSchema.optional(),
    path: z.unknown().optional(),
  })
  .superRefine((data, context) => {
    const required =
      data.type === "random" ? (["input_distribution", "output_distribution"] as const) : (["shared_prefix"] as const);
    for (const key of required) {
      if (data[key] === undefined) {
        context.addIssue({ code: "custom", path: [key], message: `expected ${key} for data.type ${data.type}` });
      }
    }
  });

const rateStageSchema = z.strictObject({ rate: z.number().positive(), duration: seconds });
const concurrentStageSchema = z.strictObject({
  num_requests: z.int().min(1),
  concurrency_level: z.int().min(1),
});

const loraSplitSchema = z
  .array(z.strictObject({ name: z.string().min(1), split: z.number().gt(0).max(1) }))
  .min(1)
  .refine((entries) => Math.abs(entries.reduce((sum, { split }) => sum + split, 0) - 1) < 1e-9, {
    error: "expected splits that add up to 1",
  })
  .describe("LoRA adapters that requests ask for, and the share of each");

const loadBase = {
  interval: z.number().min(0).default(1).describe("Seconds between the end of a stage and the start of the next"),
  num_workers: z.int().min(1).optional().describe("Worker processes; absent = the CPUs of the client, no cap here"),
  worker_max_concurrency: z.int().min(1).default(100).describe("In-flight requests of one worker"),
  lora_traffic_split: loraSplitSchema.optional(),
  worker_max_tcp_connections: z.unknown().optional(),
  circuit_breakers: z.unknown().optional(),
  request_timeout: z.unknown().optional(),
  request_retries: z.unknown().optional(),
  request_retry_backoff_sec: z.unknown().optional(),
  stage_teardown_grace_seconds: z.unknown().optional(),
  base_seed: z.unknown().optional(),
};

const loadSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("poisson"), stages: z.array(rateStageSchema).min(1), ...loadBase }),
  z.strictObject({ type: z.literal("constant"), stages: z.array(rateStageSchema).min(1), ...loadBase }),
  z.strictObject({ type: z.literal("concurrent"), stages: z.array(concurrentStageSchema).min(1), ...loadBase }),
]);

/** Requests that each stage sends: `int(rate * duration)`, or `num_requests`. */
export function stageSizes(load: z.output<typeof loadSchema>): number[] {
  return load.type === "concurrent"
    ? load.stages.map((stage) => stage.num_requests)
    : load.stages.map((stage) => Math.floor(stage.rate * stage.duration));
}

/**
 * The `inferencePerf:` block of a scenario: a configuration file of kubernetes-sigs/inference-perf, pasted. What says how
 * to reach a server or where to write is accepted and has no effect; any key not listed here is an error.
 */
export const inferencePerfSchema = z
  .strictObject({
    load: loadSchema,
    data: dataSchema,
    api: z.unknown().optional(),
    server: z.unknown().optional(),
    tokenizer: z.unknown().optional(),
    metrics: z.unknown().optional(),
    report: z.unknown().optional(),
    storage: z.unknown().optional(),
    circuit_breakers: z.unknown().optional(),
  })
  .superRefine(({ load, data }, context) => {
    if (data.type !== "random") return;
    const largest = Math.max(...stageSizes(load));
    for (const key of ["input_distribution", "output_distribution"] as const) {
      const count = data[key]?.total_count;
      if (count === undefined || count >= largest) continue;
      const message = `expected at least ${largest}, the requests of the largest stage`;
      context.addIssue({ code: "custom", path: ["data", key, "total_count"], message });
    }
  });
/** An inference-perf configuration as the schema gives it, every default filled in. */
export type InferencePerfConfig = z.output<typeof inferencePerfSchema>;

const IGNORED_KEYS = ["api", "server", "tokenizer", "metrics", "report", "storage", "circuit_breakers"] as const;
const IGNORED_LOAD_KEYS = [
  "worker_max_tcp_connections",
  "circuit_breakers",
  "request_timeout",
  "request_retries",
  "request_retry_backoff_sec",
  "stage_teardown_grace_seconds",
  "base_seed",
] as const;

/** Paths of the keys in this configuration that have no effect in a simulation. */
export function ignoredInferencePerfKeys(config: InferencePerfConfig): string[] {
  return [
    ...IGNORED_KEYS.filter((key) => config[key] !== undefined),
    ...IGNORED_LOAD_KEYS.filter((key) => config.load[key] !== undefined).map((key) => `load.${key}`),
    ...(config.data.path === undefined ? [] : ["data.path"]),
  ];
}
