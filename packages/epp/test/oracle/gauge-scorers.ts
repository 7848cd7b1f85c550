import type { FakeGauges } from "../../src/demo/fake-metrics-page.ts";
import type { CaseRandom } from "./case-random.ts";
import { routingDifference } from "./compare.ts";
import { Pair } from "./pair.ts";
import type { Comparison, Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const ENDPOINTS = 14;
const CASES_PER_STATE = 80;
const AT_ONCE = 8;

const SCORERS: readonly { type: string; parameters?: readonly object[] }[] = [
  { type: "queue-scorer" },
  { type: "running-requests-size-scorer" },
  { type: "kv-cache-utilization-scorer" },
  { type: "load-aware-scorer", parameters: [{}, { threshold: 10 }] },
];

/** Scorers that read nothing but an endpoint's gauges: random gauges, random subsets of the endpoints. */
export const gaugeScorers: Section = {
  name: "gauge-scorers",
  async run(context) {
    const comparisons: Comparison[] = [];
    for (const { type, parameters = [{}] } of SCORERS) {
      const tally = new Tally();
      for (const values of parameters) {
        await compareScorer(context, type, values, tally, Math.ceil(context.cases / parameters.length));
      }
      comparisons.push(tally.comparison(type, "scorer", "random gauges and subsets of 14 endpoints"));
    }
    return comparisons;
  },
};

async function compareScorer(
  { programs, random, progress }: SectionContext,
  type: string,
  parameters: object,
  tally: Tally,
  cases: number,
): Promise<void> {
  const config = { plugins: [{ type, parameters }], profile: [{ pluginRef: type, weight: 1 }] };
  const pair = await Pair.start(programs, config, { endpoints: ENDPOINTS });
  try {
    const last = tally.cases + cases;
    while (tally.cases < last) {
      const spread = random.pick([1, 3, 20, 400]);
      for (const fake of pair.fakes) fake.setGauges(randomGauges(random, spread));
      await pair.settle();
      await compareState(pair, random, tally, Math.min(CASES_PER_STATE, last - tally.cases));
    }
    progress(`${type} ${JSON.stringify(parameters)}: ${tally.cases} cases, ${tally.differing} differ`);
  } finally {
    await pair.stop();
  }
}

async function compareState(pair: Pair, random: CaseRandom, tally: Tally, cases: number): Promise<void> {
  for (let done = 0; done < cases; done += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, cases - done) }, async () => {
      const subset = random.some(pair.addresses);
      const held = await pair.route({ body: { model: "m", prompt: "hello" }, subset });
      await held.respond();
      return routingDifference(held.ours, held.theirs);
    });
    for (const difference of await Promise.all(batch)) tally.add(difference);
  }
}

function randomGauges(random: CaseRandom, spread: number): Partial<FakeGauges> {
  const kvUsageFraction = random.chance(0.1) ? random.pick([0, 1, 1.25]) : random.next();
  return { waiting: random.below(spread), running: random.below(spread), kvUsageFraction };
}
