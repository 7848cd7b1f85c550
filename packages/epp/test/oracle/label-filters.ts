import type { CaseRandom } from "./case-random.ts";
import { routingDifference } from "./compare.ts";
import { Pair } from "./pair.ts";
import type { Comparison, Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const ROLES = [
  undefined,
  "decode",
  "prefill",
  "encode",
  "both",
  "prefill-decode",
  "encode-prefill",
  "encode-prefill-decode",
  "other",
];
const ENDPOINTS = 18;
const AT_ONCE = 8;
const SELECTION_HEADER = "test-epp-endpoint-selection";

interface Subject {
  readonly type: string;
  readonly parameters: readonly object[];
  readonly headers?: (random: CaseRandom, addresses: readonly string[]) => Record<string, string>;
}

const SUBJECTS: readonly Subject[] = [
  { type: "decode-filter", parameters: [{}] },
  { type: "prefill-filter", parameters: [{}] },
  { type: "encode-filter", parameters: [{}] },
  {
    type: "label-selector-filter",
    parameters: [
      { matchLabels: { zone: "a" } },
      {
        matchExpressions: [
          { key: "zone", operator: "NotIn", values: ["b"] },
          { key: "llm-d.ai/role", operator: "Exists" },
        ],
      },
    ],
  },
  {
    type: "by-label",
    parameters: [
      { label: "zone", validValues: ["b", "c"] },
      { label: "zone", validValues: ["a"], allowsNoLabel: true },
    ],
  },
  { type: "header-based-testing-filter", parameters: [{}], headers: selection },
];

/** Filters that look at labels and headers: random subsets of endpoints that have each role and zone. */
export const labelFilters: Section = {
  name: "label-filters",
  async run(context) {
    const comparisons: Comparison[] = [];
    for (const subject of SUBJECTS) {
      const tally = new Tally();
      for (const parameters of subject.parameters) await compareFilter(context, subject, parameters, tally);
      const note =
        "the endpoints that it keeps of random subsets with every role and zone; refusals where none is left";
      comparisons.push(tally.comparison(subject.type, "filter", note));
    }
    return comparisons;
  },
};

async function compareFilter(
  { programs, random, cases, progress }: SectionContext,
  { type, headers, parameters: all }: Subject,
  parameters: object,
  tally: Tally,
): Promise<void> {
  const plugins = [{ type, parameters }, { type: "queue-scorer" }];
  const config = { plugins, profile: [{ pluginRef: type }, { pluginRef: "queue-scorer", weight: 1 }] };
  const pair = await Pair.start(programs, config, { endpoints: ENDPOINTS, labels });
  try {
    for (const [index, fake] of pair.fakes.entries()) fake.setGauges({ waiting: (index * 7) % ENDPOINTS });
    await pair.settle();
    const last = tally.cases + Math.ceil(cases / all.length);
    while (tally.cases < last) {
      const batch = Array.from({ length: Math.min(AT_ONCE, last - tally.cases) }, async () => {
        const subset = random.some(pair.addresses).slice(0, 1 + random.below(8));
        const request = {
          body: { model: "m", prompt: "hello" },
          subset,
          headers: headers?.(random, pair.addresses) ?? {},
        };
        const held = await pair.route(request);
        await held.respond();
        return routingDifference(held.ours, held.theirs);
      });
      for (const difference of await Promise.all(batch)) tally.add(difference);
    }
    progress(`${type} ${JSON.stringify(parameters)}: ${tally.cases} cases, ${tally.differing} differ`);
  } finally {
    await pair.stop();
  }
}

function labels(index: number): Record<string, string> {
  const role = ROLES[index % ROLES.length];
  const zone = [undefined, "a", "b", "c"][index % 4];
  return {
    ...(role === undefined ? {} : { "llm-d.ai/role": role }),
    ...(zone === undefined ? {} : { zone }),
  };
}

/** Some addresses, with and without their ports, with spaces as people write them; sometimes none. */
function selection(random: CaseRandom, addresses: readonly string[]): Record<string, string> {
  if (random.chance(0.1)) return {};
  const items = random.some(addresses).map((address) => (random.chance(0.5) ? address : address.split(":")[0]!));
  return { [SELECTION_HEADER]: items.join(random.pick([",", ", "])) };
}
