import { describe, expect, it } from "vitest";
import { simulate } from "../../src/simulate/simulate.ts";
import { syntheticSchema } from "../../src/workload/generator-schema.ts";
import { generateSynthetic } from "../../src/workload/generators/synthetic.ts";
import { constantStep, onePool } from "../support/one-replica.ts";

const STEP_US = 100;
const MEAN_STEPS = 2000;
const SERVICE_US = STEP_US * MEAN_STEPS;

/** Mean wait of M/M/c (Erlang C): P(wait) / (c μ - λ). */
function erlangWaitUs(servers: number, utilisation: number): number {
  const offered = servers * utilisation;
  let term = 1;
  let sum = 1;
  for (let k = 1; k < servers; k++) {
    term *= offered / k;
    sum += term;
  }
  const last = (term * offered) / servers / (1 - utilisation);
  return ((last / (sum + last)) * SERVICE_US) / (servers * (1 - utilisation));
}

/** Mean wait of M/D/1 (Pollaczek-Khinchine): half of M/M/1's. */
const deterministicWaitUs = (utilisation: number): number => (utilisation / (1 - utilisation)) * (SERVICE_US / 2);

/** Mean and half-width of the 99 % confidence interval, by 40 batch means after a warm-up of a tenth. */
function waits(servers: number, utilisation: number, outputTokens: unknown, seed: number) {
  const rows = 200_000;
  const workload = generateSynthetic(
    syntheticSchema.parse({
      arrivals: { process: "poisson", rate: (servers * utilisation) / (SERVICE_US / 1e6) },
      count: rows,
      promptTokens: 1,
      outputTokens,
    }),
    seed,
  );
  const input = onePool(workload, {}, { maxNumSeqs: servers, enablePrefixCaching: false }, constantStep(STEP_US));
  const { requests } = simulate(input);
  const batches = 40;
  const from = rows / 10;
  const size = (rows - from) / batches;
  const means = Array.from({ length: batches }, (_, batch) => {
    let sum = 0;
    for (let row = from + batch * size; row < from + (batch + 1) * size; row++) {
      sum += requests.scheduledUs[row]! - requests.arrivalUs[row]!;
    }
    return sum / size;
  });
  const mean = means.reduce((a, b) => a + b) / batches;
  const variance = means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (batches - 1);
  // Student's t, 39 degrees of freedom, 0.995.
  return { mean, halfWidth: 2.708 * Math.sqrt(variance / batches) };
}

const geometric = { distribution: "geometric", mean: MEAN_STEPS };

describe("one replica with constant steps is a queue that has a closed form", () => {
  // A request waits for the end of the step in progress, half a step on average: 0.025 % of a service.
  it.each([
    ["M/M/1", 1, 0.5, geometric, erlangWaitUs(1, 0.5)],
    ["M/M/1", 1, 0.8, geometric, erlangWaitUs(1, 0.8)],
    ["M/M/4", 4, 0.8, geometric, erlangWaitUs(4, 0.8)],
    ["M/M/16", 16, 0.9, geometric, erlangWaitUs(16, 0.9)],
    ["M/D/1", 1, 0.5, MEAN_STEPS, deterministicWaitUs(0.5)],
    ["M/D/1", 1, 0.8, MEAN_STEPS, deterministicWaitUs(0.8)],
  ])("%s with %i servers at utilisation %f", (_name, servers, utilisation, outputTokens, expectedUs) => {
    const { mean, halfWidth } = waits(servers, utilisation, outputTokens, 1);
    expect(halfWidth).toBeLessThan(expectedUs * 0.2);
    expect(Math.abs(mean - expectedUs)).toBeLessThan(halfWidth);
  });

  it("M/M/1's formula is what it is known to be", () => {
    expect(erlangWaitUs(1, 0.8)).toBeCloseTo((0.8 / 0.2) * SERVICE_US, 6);
  });
});
