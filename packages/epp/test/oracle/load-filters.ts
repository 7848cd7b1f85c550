import { routingDifference } from "./compare.ts";
import { Pair } from "./pair.ts";
import type { Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const ENDPOINTS = 12;
const CASES_PER_STATE = 80;
const AT_ONCE = 8;
/** Scrapes of both may lag on a busy machine; how stale a signal may be is compared in unit tests. */
const NEVER_STALE = { metricsStalenessThreshold: "60s" };
const VARIANTS = [NEVER_STALE, { ...NEVER_STALE, queueDepthThreshold: 10, kvCacheUtilThreshold: 0.5, headroom: 0.3 }];

/** `utilization-detector` at work as a filter: random gauges around its thresholds. */
export const loadFilters: Section = {
  name: "load-filters",
  async run(context) {
    const tally = new Tally();
    for (const parameters of VARIANTS) await compareVariant(context, parameters, tally);
    const note = "as a filter: the endpoints that it keeps of random subsets, gauges random around its thresholds";
    return [tally.comparison("utilization-detector", "filter", note)];
  },
};

async function compareVariant(
  { programs, random, cases, progress }: SectionContext,
  parameters: object,
  tally: Tally,
): Promise<void> {
  const type = "utilization-detector";
  const config = {
    plugins: [{ type, parameters }, { type: "running-requests-size-scorer" }],
    profile: [{ pluginRef: type }, { pluginRef: "running-requests-size-scorer", weight: 1 }],
  };
  const pair = await Pair.start(programs, config, { endpoints: ENDPOINTS });
  try {
    const last = tally.cases + Math.ceil(cases / VARIANTS.length);
    while (tally.cases < last) {
      for (const fake of pair.fakes) {
        fake.setGauges({ waiting: random.below(16), running: random.below(50), kvUsageFraction: random.next() });
      }
      await pair.settle();
      for (let done = 0; done < CASES_PER_STATE && tally.cases < last; done += AT_ONCE) {
        const batch = Array.from({ length: Math.min(AT_ONCE, last - tally.cases) }, async () => {
          const subset = random.some(pair.addresses);
          const held = await pair.route({ body: { model: "m", prompt: "hello" }, subset });
          await held.respond();
          return routingDifference(held.ours, held.theirs);
        });
        for (const difference of await Promise.all(batch)) tally.add(difference);
      }
    }
    progress(`${type}: ${tally.cases} cases, ${tally.differing} differ`);
  } finally {
    await pair.stop();
  }
}
