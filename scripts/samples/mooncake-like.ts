import { exp, log, pow } from "../../packages/sim-core/src/kernel/math.ts";
import { normalQuantile } from "../../packages/sim-core/src/kernel/normal.ts";
import { namedStream } from "../../packages/sim-core/src/kernel/random.ts";
import { poissonCount, type QuantileTable, stratified } from "./draws.ts";

const ROWS = 1500;
const BLOCK_TOKENS = 512;
const CONVOY_MS = 3000;
/** Requests of one convoy: what arrives within three seconds carries one timestamp. */
const CONVOY_MEAN = 10.2;

const INPUT_TOKENS: QuantileTable = [
  [0, 891],
  [0.01, 894],
  [0.1, 964],
  [0.25, 2306],
  [0.5, 6909],
  [0.75, 15367],
  [0.9, 27367],
  [0.95, 39550],
  [0.99, 85400],
  [1, 126195],
];
const OUTPUT_TOKENS: QuantileTable = [
  [0, 1],
  [0.01, 3],
  [0.1, 24],
  [0.25, 156],
  [0.5, 350],
  [0.75, 472],
  [0.9, 597],
  [0.95, 698],
  [0.99, 1118],
  [1, 2000],
];

/** Share of the requests that try to continue an earlier one. */
const FOLLOW_UP_SHARE = 0.62;
/** Rows between a turn and the next: lognormal. */
const LAG_MEDIAN_ROWS = 80;
const LAG_SIGMA = 0.9;
/** A follow-up's prompt repeats between these shares of itself, mostly near the upper. */
const REPEATED_SHARE = [0.35, 0.98] as const;
const REPEATED_SHARE_POWER = 0.4;

interface Row {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly blocks: readonly number[];
}

/**
 * Requests of a chat service in the format of the Mooncake traces. Lengths are given first; then a request becomes the
 * next turn of an earlier one of about the right length, a lognormal number of rows before: it names that prompt's full
 * blocks and goes on with blocks of its own. Block 0, the service's system prompt, begins every prompt.
 */
export function mooncakeLike(seed: string): string {
  const random = namedStream(seed, "turns");
  const inputs = stratified(INPUT_TOKENS, ROWS, `${seed}/input`);
  const outputs = stratified(OUTPUT_TOKENS, ROWS, `${seed}/output`);
  const rows: Row[] = [];
  let nextBlock = 1;
  for (const [index, inputTokens] of inputs.entries()) {
    const follows = random.next() < FOLLOW_UP_SHARE;
    const previous = follows ? turnBefore(rows, inputTokens, () => random.next()) : undefined;
    const blocks =
      previous === undefined ? [0] : previous.blocks.slice(0, Math.floor(previous.inputTokens / BLOCK_TOKENS));
    while (blocks.length < Math.ceil(inputTokens / BLOCK_TOKENS)) blocks.push(nextBlock++);
    rows.push({ inputTokens, outputTokens: outputs[index]!, blocks });
  }
  const times = convoyTimes(seed);
  return rows.map((row, index) => `${line(times[index]!, row)}\n`).join("");
}

/** The earlier request that a prompt of this length continues best, near the drawn distance; undefined without one. */
function turnBefore(rows: readonly Row[], inputTokens: number, next: () => number): Row | undefined {
  const lag = LAG_MEDIAN_ROWS * exp(LAG_SIGMA * normalQuantile(Math.max(next(), 2 ** -54)));
  const share = REPEATED_SHARE[0] + (REPEATED_SHARE[1] - REPEATED_SHARE[0]) * pow(next(), REPEATED_SHARE_POWER);
  let best: Row | undefined;
  let bestDistance = 0.25;
  for (let back = Math.max(1, Math.floor(lag / 1.5)); back <= lag * 1.5 && back <= rows.length; back++) {
    const row = rows[rows.length - back]!;
    if (row.inputTokens + row.outputTokens >= inputTokens) continue;
    const distance = Math.abs(log(row.inputTokens / (share * inputTokens)));
    if (distance < bestDistance) {
      best = row;
      bestDistance = distance;
    }
  }
  return best;
}

/** Arrival times in milliseconds: convoys every three seconds, of a Poisson number of requests each. */
function convoyTimes(seed: string): number[] {
  const random = namedStream(seed, "convoys");
  const times: number[] = [];
  for (let convoy = 0; times.length < ROWS; convoy++) {
    const size = poissonCount(CONVOY_MEAN, () => random.next());
    for (let i = 0; i < size && times.length < ROWS; i++) times.push(convoy * CONVOY_MS);
  }
  return times;
}

function line(timestamp: number, { inputTokens, outputTokens, blocks }: Row): string {
  return JSON.stringify({ timestamp, input_length: inputTokens, output_length: outputTokens, hash_ids: blocks });
}
