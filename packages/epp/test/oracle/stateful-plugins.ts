import type { FakeGauges } from "../../src/demo/fake-metrics-page.ts";
import { routingDifference } from "./compare.ts";
import { Pair } from "./pair.ts";
import type { ConfigParts } from "./picker-config.ts";
import { PromptMaker } from "./prompts.ts";
import { DOMINATING_WEIGHT, requestFlow } from "./request-flow.ts";
import type { Comparison, Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";
import { pickEachOnce } from "./warm-up.ts";

const ENDPOINTS = 12;
const MOST_STARTS = 20;
/** Small enough that the approximate index of an endpoint overflows. */
const FEW_BLOCKS: Partial<FakeGauges> = { numGpuBlocks: 100 };

interface Variant extends ConfigParts {
  readonly gauges?: Partial<FakeGauges>;
  /** In-flight tokens are counted with prefix information, which must then be there first. */
  readonly prefixFirst?: boolean;
}

interface Subject {
  readonly type: string;
  readonly kind: "scorer" | "filter";
  readonly note: string;
  /** One configuration for each way to set it up; the cases are shared out among them. */
  readonly variants: readonly Variant[];
  /** Endpoints that were never picked have no order upstream: each is picked once before. */
  readonly warmUp?: boolean;
}

const QUEUE = { type: "queue-scorer" };
const DECIDES = { pluginRef: "queue-scorer", weight: DOMINATING_WEIGHT };
const TOKENS = { type: "token-producer", parameters: { estimate: {} } };
const APPROX = { type: "approx-prefix-cache-producer" };
const LOAD = { type: "inflight-load-producer" };

const SUBJECTS: readonly Subject[] = [
  {
    type: "active-request-scorer",
    kind: "scorer",
    note: "sequences of requests, some in flight, some answering, some given up",
    variants: [{}, { idleThreshold: 2, maxBusyScore: 0.5 }].map((parameters) => ({
      plugins: [QUEUE, { type: "active-request-scorer", parameters }],
      profile: [DECIDES, { pluginRef: "active-request-scorer", weight: 1 }],
    })),
  },
  {
    type: "token-load-scorer",
    kind: "scorer",
    note: "sequences of requests over `inflight-load-producer`, with and without prefix information and estimated output",
    variants: [
      { producers: [TOKENS, LOAD], threshold: {}, prefix: false },
      { producers: [TOKENS, APPROX, LOAD], threshold: { queueThresholdTokens: 6000 }, prefix: true },
      {
        producers: [TOKENS, APPROX, { ...LOAD, parameters: { addEstimatedOutputTokens: true } }],
        threshold: { queueThresholdTokens: 20000 },
        prefix: true,
      },
    ].map(({ producers, threshold, prefix }) => ({
      plugins: [
        ...producers,
        QUEUE,
        { type: "token-load-scorer", parameters: threshold },
        ...(prefix ? [{ type: "prefix-cache-scorer" }] : []),
      ],
      profile: [
        DECIDES,
        { pluginRef: "token-load-scorer", weight: 1 },
        ...(prefix ? [{ pluginRef: "prefix-cache-scorer", weight: 1 }] : []),
      ],
      prefixFirst: prefix,
    })),
  },
  {
    type: "prefix-cache-scorer",
    kind: "scorer",
    note: "sequences of prompts with shared prefixes over `approx-prefix-cache-producer`, its index overflowing in part of them",
    variants: [
      { parameters: {} },
      { parameters: { matchLengthWeight: 0.4, matchLengthScaleTokens: 900 } },
      { parameters: {}, gauges: FEW_BLOCKS },
      { parameters: {}, producer: { autoTune: false, blockSizeTokens: 128, maxPrefixTokensToMatch: 512 } },
    ].map(({ parameters, gauges = {}, producer = {} }) => ({
      plugins: [QUEUE, { ...APPROX, parameters: producer }, { type: "prefix-cache-scorer", parameters }],
      profile: [DECIDES, { pluginRef: "prefix-cache-scorer", weight: 3 }],
      gauges,
    })),
  },
  {
    type: "no-hit-lru-scorer",
    kind: "scorer",
    note: "sequences of cold and warm prompts, after each endpoint was picked once",
    warmUp: true,
    variants: [
      {
        plugins: [QUEUE, { type: "no-hit-lru-scorer" }],
        profile: [DECIDES, { pluginRef: "no-hit-lru-scorer", weight: 2 }],
        gauges: FEW_BLOCKS,
      },
    ],
  },
  {
    type: "prefix-cache-affinity-filter",
    kind: "filter",
    note: "the endpoints that it keeps, over sequences of prompts with shared prefixes and load in flight",
    variants: [{}, { affinityThreshold: 0.3, maxTTFTPenaltyMs: 400, peakPrefillThroughput: 1000 }].map(
      (parameters) => ({
        plugins: [TOKENS, APPROX, LOAD, QUEUE, { type: "prefix-cache-affinity-filter", parameters }],
        profile: [{ pluginRef: "prefix-cache-affinity-filter" }, DECIDES],
      }),
    ),
  },
];

/** Plugins whose answers depend on what was routed before. */
export const statefulPlugins: Section = {
  name: "stateful-plugins",
  async run(context) {
    const comparisons: Comparison[] = [];
    for (const subject of SUBJECTS) {
      const tally = new Tally();
      for (const variant of subject.variants) await compareVariant(context, subject, variant, tally);
      comparisons.push(tally.comparison(subject.type, subject.kind, subject.note));
    }
    return comparisons;
  },
};

async function compareVariant(
  context: SectionContext,
  subject: Subject,
  variant: Variant,
  tally: Tally,
): Promise<void> {
  const { random, cases, progress } = context;
  const pair = await startInOrder(context, variant);
  try {
    const prompts = new PromptMaker(random);
    if (subject.warmUp === true) await pickEachOnce(pair, prompts);
    const share = Math.ceil(cases / subject.variants.length);
    await requestFlow({ pair, random, tally, cases: share, request: () => ({ body: prompts.body() }) });
    progress(`${subject.type}: ${tally.cases} cases, ${tally.differing} differ`);
  } finally {
    await pair.stop();
  }
}

/**
 * Starts a pair in which upstream looks up prefixes before it counts tokens in flight. It orders these two at random in
 * each process; which it took shows in the tokens of a prompt that fills part of a block.
 */
async function startInOrder({ programs, progress }: SectionContext, variant: Variant): Promise<Pair> {
  for (let start = 1; ; start++) {
    const pair = await Pair.start(programs, variant, { endpoints: ENDPOINTS, gauges: variant.gauges ?? {} });
    if (variant.prefixFirst !== true) return pair;
    const probe = await pair.route({ body: { model: "m", prompt: "a".repeat(100) }, subset: [pair.addresses[0]!] });
    const difference = routingDifference(probe.ours, probe.theirs);
    await probe.respond();
    if (difference === undefined) return pair;
    await pair.stop();
    if (start === MOST_STARTS) throw new Error(`upstream never looked up prefixes first: ${difference}`);
    progress(`start ${start}: upstream counts tokens before it looks up prefixes`);
  }
}
