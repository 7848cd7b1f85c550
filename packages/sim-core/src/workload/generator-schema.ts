import * as z from "zod";
import { durationUsSchema } from "../kernel/unit-schemas.ts";

export { type InferencePerfConfig, inferencePerfSchema } from "./generators/inference-perf-schema.ts";

/** Keeps sums of prompts far below the range of a 32-bit column. */
const LARGEST_TOKENS = 10_000_000;
const tokens = z.int().min(1).max(LARGEST_TOKENS);
const positive = z.number().positive();
const bounds = {
  min: tokens.default(1).describe("Shorter draws are raised to this"),
  max: tokens.default(LARGEST_TOKENS).describe("Longer draws are lowered to this"),
};

/** Token counts: a number, or a named distribution. */
export const lengthDistributionSchema = z
  .union([
    tokens.describe("Always this many tokens"),
    z.discriminatedUnion("distribution", [
      z.strictObject({ distribution: z.literal("fixed"), tokens }),
      z.strictObject({
        distribution: z.literal("lognormal"),
        mean: positive.describe("Mean of the distribution itself, before min and max"),
        sigma: z.number().min(0).describe("Standard deviation of the logarithm"),
        ...bounds,
      }),
      z.strictObject({ distribution: z.literal("normal"), mean: positive, stdev: z.number().min(0), ...bounds }),
      z
        .strictObject({ distribution: z.literal("uniform"), min: tokens, max: tokens })
        .refine(({ min, max }) => min <= max, { error: "expected max to be at least min", path: ["max"] }),
      z.strictObject({
        distribution: z.literal("geometric"),
        mean: z.number().min(1).describe("Mean; the smallest value is 1"),
        ...bounds,
      }),
      z
        .strictObject({
          distribution: z.literal("empirical"),
          values: z.array(tokens).min(1),
          weights: z.array(z.number().min(0)).optional().describe("One per value; absent = equal"),
        })
        .refine(({ values, weights }) => weights === undefined || weights.length === values.length, {
          error: "expected one weight per value",
          path: ["weights"],
        })
        .refine(({ weights }) => weights === undefined || weights.some((weight) => weight > 0), {
          error: "expected a weight above 0",
          path: ["weights"],
        }),
    ]),
  ])
  .describe("Tokens: a number, or a distribution (fixed, lognormal, normal, uniform, geometric, empirical)");
export type LengthDistribution = z.output<typeof lengthDistributionSchema>;

/** How the arrival rate changes over time; every shape repeats. */
const rateShapeSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("diurnal"),
    period: durationUsSchema.refine((us) => us > 0, "expected a period above 0").default(86_400_000_000),
    amplitude: z.number().min(0).max(1).describe("Rate swings between (1 - amplitude) and (1 + amplitude) times rate"),
    peakAt: durationUsSchema.default(0).describe("Time of the first peak"),
  }),
  z
    .strictObject({
      type: z.literal("burst"),
      every: durationUsSchema.describe("From the start of one burst to the next; the burst ends the interval"),
      length: durationUsSchema,
      multiplier: positive.describe("Rate within a burst, as a multiple of rate"),
    })
    .refine(({ every, length }) => length > 0 && length < every, {
      error: "expected a length above 0 and below every",
      path: ["length"],
    }),
  z.strictObject({
    type: z.literal("schedule"),
    steps: z
      .array(
        z.strictObject({
          duration: durationUsSchema.refine((us) => us > 0, "expected a duration above 0"),
          multiplier: z.number().min(0),
        }),
      )
      .refine((steps) => steps.some(({ multiplier }) => multiplier > 0), "expected a step with a multiplier above 0"),
  }),
]);
export type RateShape = z.output<typeof rateShapeSchema>;

const rate = {
  rate: positive.describe(
    "Arrivals per second where the rate shape says 1: of requests, or of sessions where there are sessions",
  ),
  rateShape: rateShapeSchema.optional(),
};

/** When requests, or sessions, arrive. */
export const arrivalsSchema = z.discriminatedUnion("process", [
  z.strictObject({ process: z.literal("poisson"), ...rate }),
  z.strictObject({
    process: z.literal("gamma"),
    cv: positive.describe("Coefficient of variation of the gaps"),
    ...rate,
  }),
  z.strictObject({ process: z.literal("weibull"), shape: positive.describe("1 = Poisson, below = burstier"), ...rate }),
  z.strictObject({ process: z.literal("constant"), ...rate }),
]);
export type Arrivals = z.output<typeof arrivalsSchema>;

/** Think time between the end of a turn and the next: a duration, or a distribution. */
const thinkTimeSchema = z.union([
  durationUsSchema,
  z.strictObject({ distribution: z.literal("exponential"), mean: durationUsSchema }),
  z.strictObject({ distribution: z.literal("lognormal"), mean: durationUsSchema, sigma: z.number().min(0) }),
]);
export type ThinkTime = z.output<typeof thinkTimeSchema>;

/** Conversations: each turn's prompt is everything said before plus a new message. */
const sessionsSchema = z.strictObject({
  count: z.int().min(1).optional().describe("Number of sessions; instead of count or duration"),
  turns: lengthDistributionSchema.describe("Turns of a session"),
  followUpTokens: lengthDistributionSchema.optional().describe("Message of a later turn; absent = as promptTokens"),
  thinkTime: thinkTimeSchema.default(0),
  maxPromptTokens: tokens.optional().describe("A session ends before a prompt longer than this"),
  mode: z
    .enum(["closed", "open"])
    .default("closed")
    .describe("closed: a turn arrives its think time after the one before ended; open: at times fixed in advance"),
  assumedTtft: durationUsSchema.default(500_000).describe("open mode: assumed time to first token of a turn"),
  assumedTpot: durationUsSchema.default(20_000).describe("open mode: assumed time per output token of a turn"),
});
export type Sessions = z.output<typeof sessionsSchema>;

/** System prompts that many requests, or sessions, begin with. */
const sharedPrefixesSchema = z.strictObject({
  groups: z.int().min(1).max(10_000_000).describe("Number of different prefixes"),
  tokens: lengthDistributionSchema.describe("Length of a prefix, one draw per group; comes before promptTokens"),
  zipfExponent: z.number().min(0).default(0).describe("Popularity of group k is 1 / k^zipfExponent; 0 = equal"),
});

/** LoRA adapters that requests ask for. */
const adaptersSchema = z
  .strictObject({
    count: z.int().min(1).max(100_000).describe("Number of different adapters"),
    zipfExponent: z.number().min(0).default(0).describe("Popularity of adapter k is 1 / k^zipfExponent; 0 = equal"),
    weights: z.array(z.number().min(0)).optional().describe("Popularity of each instead, one per adapter"),
    fraction: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe("Share that asks for an adapter; others for the model itself"),
    names: z.string().min(1).default("adapter-").describe("What their names begin with; a number follows, from 0"),
  })
  .refine(({ count, weights }) => weights === undefined || weights.length === count, {
    error: "expected one weight per adapter",
    path: ["weights"],
  })
  .refine(({ weights }) => weights === undefined || weights.some((weight) => weight > 0), {
    error: "expected a weight above 0",
    path: ["weights"],
  });

/** Images, audio or video in prompts. */
const multimodalSchema = z.strictObject({
  fraction: z.number().min(0).max(1).default(1).describe("Share of the requests that have items"),
  items: lengthDistributionSchema.default(1).describe("Items of such a request"),
  tokensPerItem: lengthDistributionSchema.describe(
    "Placeholder tokens of an item, one for each embedding: of an image, its pixels / (patch size x merge size)^2, rounded up",
  ),
});
export type Multimodal = z.output<typeof multimodalSchema>;

/** A tenant or application: its share, what it was promised, and lengths of its own where they differ. */
const workloadClassSchema = z.strictObject({
  name: z.string().min(1),
  weight: positive.default(1).describe("Share of the requests, relative to the other classes"),
  priority: z.int().default(0),
  ttftSlo: durationUsSchema.optional(),
  tpotSlo: durationUsSchema.optional(),
  promptTokens: lengthDistributionSchema.optional(),
  outputTokens: lengthDistributionSchema.optional(),
  multimodal: multimodalSchema.optional(),
});

/** The `synthetic:` block of a scenario. */
export const syntheticSchema = z
  .strictObject({
    name: z.string().default("synthetic"),
    arrivals: arrivalsSchema,
    count: z.int().min(1).optional().describe("Number of requests"),
    duration: durationUsSchema.optional().describe("Requests, or sessions, arrive until then"),
    promptTokens: lengthDistributionSchema
      .optional()
      .describe("Of a request, or of a message where there are sessions"),
    outputTokens: lengthDistributionSchema.optional(),
    lengthPairs: z
      .array(z.tuple([tokens, tokens]))
      .min(1)
      .optional()
      .describe("[prompt, output] pairs drawn together, equally likely; instead of promptTokens and outputTokens"),
    sharedPrefixes: sharedPrefixesSchema.optional(),
    multimodal: multimodalSchema
      .optional()
      .describe("Images, audio or video of a request, or of a message; they come before promptTokens and add to them"),
    sessions: sessionsSchema.optional(),
    classes: z.array(workloadClassSchema).min(1).max(256).optional(),
    adapters: adaptersSchema.optional().describe("LoRA adapters that requests, or sessions, ask for"),
  })
  .superRefine((spec, context) => {
    const limits = [spec.count, spec.duration, spec.sessions?.count].filter((limit) => limit !== undefined);
    if (limits.length !== 1) {
      context.addIssue({ code: "custom", message: "expected exactly one of count, duration, sessions.count" });
    }
    for (const key of ["promptTokens", "outputTokens"] as const) {
      const own = spec.classes?.every((entry) => entry[key] !== undefined) ?? false;
      if (spec.lengthPairs !== undefined && (spec[key] !== undefined || spec.classes?.some((entry) => entry[key]))) {
        context.addIssue({ code: "custom", path: [key], message: `expected lengthPairs or ${key}, not both` });
      }
      if (spec.lengthPairs === undefined && spec[key] === undefined && !own) {
        context.addIssue({ code: "custom", path: [key], message: `expected ${key}, or lengthPairs` });
      }
    }
  });
/** A `synthetic:` block as the schema gives it: durations in microseconds, every default filled in. */
export type SyntheticSpec = z.output<typeof syntheticSchema>;
