import { exp, log } from "../../packages/sim-core/src/kernel/math.ts";
import { normalQuantile } from "../../packages/sim-core/src/kernel/normal.ts";
import { namedStream } from "../../packages/sim-core/src/kernel/random.ts";
import { type QuantileTable, stratified } from "./draws.ts";

const CONVERSATION_ROWS = 2000;
const CODE_ROWS = 1500;

const CONVERSATION_INPUT: QuantileTable = [
  [0, 2],
  [0.01, 29],
  [0.1, 207],
  [0.25, 396],
  [0.5, 1020],
  [0.75, 1189],
  [0.9, 2734],
  [0.95, 4083],
  [0.99, 4142],
  [0.9995, 4300],
  [1, 14050],
];
const CONVERSATION_OUTPUT: QuantileTable = [
  [0, 7],
  [0.01, 16],
  [0.1, 54],
  [0.25, 85],
  [0.5, 129],
  [0.75, 395],
  [0.9, 424],
  [0.95, 451],
  [0.99, 601],
  [1, 1000],
];
const CODE_INPUT: QuantileTable = [
  [0, 3],
  [0.01, 17],
  [0.1, 147],
  [0.25, 578],
  [0.5, 1469],
  [0.75, 2744],
  [0.9, 5188],
  [0.95, 7303],
  [0.99, 7436],
  [1, 7437],
];
const CODE_OUTPUT: QuantileTable = [
  [0, 6],
  [0.1, 7],
  [0.25, 9],
  [0.5, 13],
  [0.75, 24],
  [0.9, 55],
  [0.95, 90],
  [0.99, 251],
  [0.999, 700],
  [1, 1899],
];

/**
 * Chat requests in the format of the Azure 2023 traces: a Poisson process whose rate wanders around 5.53 per second, a
 * first-order autoregressive logarithm that changes every two seconds.
 */
export function azureLikeConversation(seed: string): string {
  const random = namedStream(seed, "arrivals");
  const normal = () => normalQuantile(Math.max(random.next(), 2 ** -54));
  const meanRate = 5.53;
  const deviation = 0.24;
  const persistence = 0.95;
  const stepSeconds = 2;
  let level = normal();
  let stepEnd = stepSeconds;
  let time = 0;
  const times: number[] = [];
  while (times.length < CONVERSATION_ROWS) {
    const rate = meanRate * exp(deviation * level - (deviation * deviation) / 2);
    const next = time - log(1 - random.next()) / rate;
    if (next < stepEnd) {
      time = next;
      times.push(time);
      continue;
    }
    // Without memory, the wait starts afresh at the new rate.
    time = stepEnd;
    stepEnd += stepSeconds;
    level = persistence * level + Math.sqrt(1 - persistence * persistence) * normal();
  }
  return azureCsv(times, CONVERSATION_INPUT, CONVERSATION_OUTPUT, seed);
}

/**
 * Code completions in the format of the Azure 2023 traces: bursts, each with a pace of its own, and long silences between
 * them whose lengths are stratified so that a short trace has its long ones too.
 */
export function azureLikeCode(seed: string): string {
  const random = namedStream(seed, "arrivals");
  const normal = () => normalQuantile(Math.max(random.next(), 2 ** -54));
  const burstRows = 75;
  const silences = stratifiedSilences(Math.round(CODE_ROWS / burstRows), seed);
  const times: number[] = [];
  let time = 0;
  let pace = 1;
  while (times.length < CODE_ROWS) {
    const pause = times.length > 0 && random.next() < 1 / burstRows ? silences.pop() : undefined;
    if (pause !== undefined) pace = exp(0.9 * normal());
    time += pause ?? 0.06 * pace * exp(normal());
    times.push(time);
  }
  return azureCsv(times, CODE_INPUT, CODE_OUTPUT, seed);
}

function stratifiedSilences(count: number, seed: string): number[] {
  const medianSeconds = 9.5;
  const sigma = 1.55;
  const table = Array.from({ length: count }, (_, slice) => {
    const probability = (slice + 0.5) / count;
    return [slice / (count - 1), medianSeconds * exp(sigma * normalQuantile(probability)) * 1000] as const;
  });
  return stratified(table, count, `${seed}/silences`).map((ms) => ms / 1000);
}

/** CRLF between rows, none after the last; seven fractional digits; the first request at the first second. */
function azureCsv(times: readonly number[], input: QuantileTable, output: QuantileTable, seed: string): string {
  const inputs = stratified(input, times.length, `${seed}/input`);
  const outputs = stratified(output, times.length, `${seed}/output`);
  const rows = times.map((time, row) => `${timestamp(time - times[0]!)},${inputs[row]},${outputs[row]}`);
  return ["TIMESTAMP,ContextTokens,GeneratedTokens", ...rows].join("\r\n");
}

/** A naive timestamp so many seconds after 2024-01-01 12:00:00, in the traces' form. */
function timestamp(seconds: number): string {
  const ticks = Math.round(seconds * 10_000_000);
  const whole = new Date(Date.UTC(2024, 0, 1, 12) + Math.floor(ticks / 10_000_000) * 1000).toISOString();
  return `${whole.slice(0, 10)} ${whole.slice(11, 19)}.${String(ticks % 10_000_000).padStart(7, "0")}`;
}
