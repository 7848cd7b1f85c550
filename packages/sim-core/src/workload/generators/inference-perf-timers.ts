import type { RandomSource } from "@windtunnel/router-policies";
import { log } from "../../kernel/math.ts";

const SECOND_US = 1_000_000;

/**
 * Send times of a `poisson` stage: for each one-second slot k ~ Poisson(rate), then k exponential gaps rescaled to sum to
 * the second, so that the last request of a slot is sent on its boundary; a slot that draws 0 stays empty. Stops at
 * `count` requests, wherever that is (PoissonLoadTimer).
 */
export function poissonTimesUs(rate: number, count: number, random: RandomSource): Float64Array {
  const times = new Float64Array(count);
  let sent = 0;
  for (let slot = 0; sent < count; slot++) {
    const slotCount = poissonCount(rate, random);
    const slotTimes = rescaledTimesUs(slotCount, SECOND_US, random);
    for (let i = 0; i < slotCount && sent < count; i++, sent++) times[sent] = slot * SECOND_US + slotTimes[i]!;
  }
  return times;
}

/** Send times of a `constant` stage: exponential gaps rescaled to sum to the duration (ConstantLoadTimer). */
export function constantTimesUs(count: number, durationSeconds: number, random: RandomSource): Float64Array {
  return rescaledTimesUs(count, durationSeconds * SECOND_US, random);
}

/** `count` exponential gaps, rescaled so that the last ends exactly at `spanUs`. */
function rescaledTimesUs(count: number, spanUs: number, random: RandomSource): Float64Array {
  const times = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += unitExponential(random);
    times[i] = total;
  }
  for (let i = 0; i < count; i++) times[i] = Math.round((times[i]! / total) * spanUs);
  return times;
}

/** Events of a unit-rate Poisson process before time `rate`. */
function poissonCount(rate: number, random: RandomSource): number {
  let count = 0;
  for (let time = unitExponential(random); time < rate; time += unitExponential(random)) count += 1;
  return count;
}

function unitExponential(random: RandomSource): number {
  return -log(1 - random.next());
}
