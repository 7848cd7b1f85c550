import { twoSampleProbability } from "./chi-square.ts";
import { Pair } from "./pair.ts";
import type { Comparison, Section, SectionContext } from "./section.ts";

const ENDPOINTS = 8;
const AT_ONCE = 16;
/** So rare by chance that a difference is one; three tests a run. */
const SIGNIFICANCE = 1e-4;

const PICKERS = [
  { type: "max-score-picker", note: "picks among endpoints with equal scores" },
  { type: "random-picker", note: "picks, whatever the scores" },
  { type: "weighted-random-picker", note: "picks in proportion to the scores" },
];

/** Where upstream is random: the distributions of picks are told apart no better than by chance. */
export const randomPicks: Section = {
  name: "random-picks",
  async run(context) {
    const comparisons: Comparison[] = [];
    for (const picker of PICKERS) comparisons.push(await comparePicker(context, picker));
    return comparisons;
  },
};

async function comparePicker(
  { programs, cases, progress }: SectionContext,
  { type, note }: (typeof PICKERS)[number],
): Promise<Comparison> {
  const config = {
    plugins: [{ type: "kv-cache-utilization-scorer" }, { type }],
    profile: [{ pluginRef: "kv-cache-utilization-scorer", weight: 1 }, { pluginRef: type }],
  };
  const pair = await Pair.start(programs, config, { endpoints: ENDPOINTS });
  try {
    // With ties at the top for the picker that takes the best; all different for the one that weighs.
    for (const [index, fake] of pair.fakes.entries()) {
      const kvUsageFraction = type === "max-score-picker" ? Math.max(0, index - 4) / 10 : index / 9;
      fake.setGauges({ kvUsageFraction });
    }
    await pair.settle();
    const [ours, theirs] = await countPicks(pair, cases * 2);
    const probability = twoSampleProbability(ours, theirs);
    progress(`${type}: ours ${ours.join(" ")}, theirs ${theirs.join(" ")}, p = ${probability.toFixed(4)}`);
    const differs = probability < SIGNIFICANCE;
    return {
      subject: type,
      kind: "picker",
      cases: cases * 2,
      differing: differs ? 1 : 0,
      differences: differs ? [`ours ${ours.join(" ")}, theirs ${theirs.join(" ")}, p = ${probability}`] : [],
      note: `${note}: chi-square, two samples, told apart only below a probability of ${SIGNIFICANCE}`,
    };
  } finally {
    await pair.stop();
  }
}

async function countPicks(pair: Pair, picks: number): Promise<[number[], number[]]> {
  const index = new Map(pair.addresses.map((address, at) => [address, at]));
  const counts: [number[], number[]] = [new Array(ENDPOINTS).fill(0), new Array(ENDPOINTS).fill(0)];
  for (let done = 0; done < picks; done += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, picks - done) }, async () => {
      const held = await pair.route({ body: { model: "m", prompt: "hello" } });
      await held.respond();
      for (const [side, { destination }] of [held.ours, held.theirs].entries()) {
        const at = index.get(destination ?? "");
        if (at === undefined) throw new Error(`a pick of ${destination}, which is no endpoint`);
        counts[side]![at]!++;
      }
    });
    await Promise.all(batch);
  }
  return counts;
}
