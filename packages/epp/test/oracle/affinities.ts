import type { CaseRandom } from "./case-random.ts";
import { routingDifference } from "./compare.ts";
import { Pair } from "./pair.ts";
import type { ConfigParts } from "./picker-config.ts";
import { shuffleQueues } from "./request-flow.ts";
import type { Comparison, Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const ENDPOINTS = 12;
const CASES_PER_STATE = 60;
const MODELS = ["a", "b", "c", "d"];
const RANGES = [undefined, "0-100", "50-400", "200-200", "300-10000", " 10 - +90 ", "90-10", "many", "0-100-200", ""];
const RANGE_LABEL = "llm-d.ai/context-length-range";
const SESSION_HEADER = "x-session-token";

interface Subject {
  readonly type: string;
  readonly kind: "scorer" | "filter";
  readonly parameters: readonly object[];
  readonly note: string;
  readonly labels?: (index: number) => Record<string, string>;
  /** Plugins beside it. */
  readonly beside?: ConfigParts["plugins"];
  /** Two stages, it stands in the second: prefill. */
  readonly staged?: true;
  /** Changes what the model servers tell, before they are scraped. */
  readonly change?: (pair: Pair, random: CaseRandom) => void;
  readonly prompt?: (random: CaseRandom) => string;
  readonly model?: (random: CaseRandom) => string;
  readonly headers?: (random: CaseRandom, pair: Pair) => Record<string, string>;
}

const zoned = (index: number): Record<string, string> => ({ zone: "abc"[index % 3]! });
/** Names of racks and zones that come again elsewhere; some endpoints say nothing. */
const placed = (index: number): Record<string, string> => {
  const labels = {
    "kubernetes.io/hostname": index % 5 === 4 ? "" : `host-${index % 7}`,
    "topology.kubernetes.io/rack": index % 4 === 3 ? "" : `rack-${index % 4}`,
    "topology.kubernetes.io/zone": `zone-${index % 3}`,
    "topology.kubernetes.io/region": index % 6 === 5 ? "" : "eu",
    "llm-d.ai/role": index % 2 === 0 ? "decode" : "prefill",
  };
  const told = Object.entries(labels).filter(([key, value]) => value !== "" && (index < 10 || key === "llm-d.ai/role"));
  return Object.fromEntries(told);
};
const topology = { labels: placed, staged: true, beside: [{ type: "topology-extractor" }] } as const;

const SUBJECTS: readonly Subject[] = [
  {
    type: "lora-affinity-scorer",
    kind: "scorer",
    parameters: [{}],
    note: "random adapters running and waiting, servers without any, models that none has",
    change(pair, random) {
      for (const fake of pair.fakes) {
        const running = random.some(MODELS).slice(0, random.below(4));
        const waiting = random.some(MODELS).slice(0, random.below(3));
        fake.setGauges({ lora: { running, waiting, max: random.below(6) } });
      }
    },
    model: (random) => random.pick([...MODELS, "base"]),
  },
  {
    type: "context-length-aware",
    kind: "scorer",
    parameters: [{}, { enableFiltering: true }],
    note: "ranges that fit, overlap, are none or are missing, prompts of 1 to 500 tokens; also as a filter",
    labels: (index) => (RANGES[index] === undefined ? {} : { [RANGE_LABEL]: RANGES[index] }),
    beside: [{ type: "token-producer", parameters: { estimate: {} } }],
    prompt: (random) => "x".repeat(1 + random.below(2000)),
  },
  {
    type: "header-label-affinity-scorer",
    kind: "scorer",
    parameters: [{ headerName: "X-Zone", labelKey: "zone" }],
    note: "values that some, none or all have; no header",
    labels: zoned,
    headers: (random) => (random.chance(0.2) ? {} : { "x-zone": random.pick(["a", "b", "c", "d", ""]) }),
  },
  {
    type: "session-affinity-scorer",
    kind: "scorer",
    parameters: [{}, { encodedEndpointHeaderConfig: { header: SESSION_HEADER } }],
    note: "strategy `encoded_endpoint_header`: tokens of candidates and of others, broken ones",
    headers: sessionToken,
  },
  {
    type: "session-affinity-filter",
    kind: "filter",
    parameters: [{}],
    note: "strategy `encoded_endpoint_header`: tokens of candidates and of others, broken ones",
    headers: sessionToken,
  },
  {
    type: "topology-affinity-scorer",
    kind: "scorer",
    parameters: [{}],
    note: "prefill endpoints that share names of hosts, racks, zones with the decode endpoint, compared by the one picked",
    ...topology,
  },
  {
    type: "topology-affinity-filter",
    kind: "filter",
    parameters: ["host", "rack", "zone", "region"].map((minAffinity) => ({ minAffinity })),
    note: "the same, each level, compared by the prefill endpoint picked",
    ...topology,
  },
  {
    type: "utilization-filter",
    kind: "filter",
    parameters: [
      { conditions: [{ metric: "waiting-queue", maxValue: 5 }] },
      {
        conditions: [
          { metric: "running-requests", maxValue: 20 },
          { metric: "kv-cache-utilization", maxValue: 0.5 },
        ],
        fallbackOnEmpty: true,
      },
      { conditions: [{ metric: "active-requests", maxValue: 0 }] },
    ],
    note: "gauges around the limits, one condition and two, with and without a way out",
    change(pair, random) {
      for (const fake of pair.fakes) fake.setGauges({ running: random.below(40), kvUsageFraction: random.next() });
    },
  },
];

/** Plugins that look at adapters, labels, headers and places. */
export const affinities: Section = {
  name: "affinities",
  async run(context) {
    const comparisons: Comparison[] = [];
    for (const subject of SUBJECTS) {
      const tally = new Tally();
      for (const parameters of subject.parameters) await compareVariant(context, subject, parameters, tally);
      comparisons.push(tally.comparison(subject.type, subject.kind, subject.note));
    }
    return comparisons;
  },
};

async function compareVariant(context: SectionContext, subject: Subject, parameters: object, tally: Tally) {
  const { programs, random, cases, progress } = context;
  const { type, labels, change, headers, prompt, model } = subject;
  const pair = await Pair.start(programs, configOf(subject, parameters), {
    endpoints: ENDPOINTS,
    ...(labels === undefined ? {} : { labels }),
  });
  try {
    const last = tally.cases + Math.ceil(cases / subject.parameters.length);
    while (tally.cases < last) {
      shuffleQueues(pair, random);
      change?.(pair, random);
      await pair.settle();
      for (let done = 0; done < CASES_PER_STATE && tally.cases < last; done++) {
        const body = { model: model?.(random) ?? "m", prompt: prompt?.(random) ?? "hello" };
        const subset = random.chance(0.7) ? { subset: random.some(pair.addresses) } : {};
        const held = await pair.route({ body, headers: headers?.(random, pair) ?? {}, ...subset });
        await held.respond();
        const [own, other] = [held.ours, held.theirs].map(({ setHeaders }) => setHeaders["x-prefiller-host-port"]);
        const picked = own === other ? undefined : `prefill endpoint: ours ${own}, theirs ${other}`;
        tally.add(routingDifference(held.ours, held.theirs) ?? picked);
      }
    }
    progress(`${type} ${JSON.stringify(parameters)}: ${tally.cases} cases, ${tally.differing} differ`);
  } finally {
    await pair.stop();
  }
}

function configOf({ type, kind, beside = [], staged }: Subject, parameters: object): ConfigParts {
  const plugins = [...beside, { type, parameters }, { type: "queue-scorer" }];
  // The queue breaks ties, and decides among those that a filter keeps.
  const profile = [
    { pluginRef: type, ...(kind === "scorer" ? { weight: 20 } : {}) },
    { pluginRef: "queue-scorer", weight: 0.01 },
  ];
  if (staged === undefined) return { plugins, profile, experimental: true };
  return {
    plugins: [
      ...plugins,
      { type: "disagg-profile-handler", parameters: { deciders: { prefill: "always-disagg-pd-decider" } } },
      { type: "always-disagg-pd-decider" },
      { type: "decode-filter" },
      { type: "prefill-filter" },
    ],
    profile: [],
    profiles: [
      { name: "decode", plugins: [{ pluginRef: "decode-filter" }, { pluginRef: "queue-scorer", weight: 1 }] },
      { name: "prefill", plugins: [{ pluginRef: "prefill-filter" }, ...profile] },
    ],
    experimental: true,
  };
}

function sessionToken(random: CaseRandom, pair: Pair): Record<string, string> {
  if (random.chance(0.15)) return {};
  const name = random.chance(0.8) ? random.pick(pair.fakes).name : "gone";
  const token = Buffer.from(`default/${name}`).toString("base64");
  return { [SESSION_HEADER]: random.chance(0.9) ? token : random.pick(["", "!", token.slice(1), `${token}=`]) };
}
