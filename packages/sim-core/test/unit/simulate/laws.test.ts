import { describe, expect, it } from "vitest";
import { InvariantError } from "../../../src/errors.ts";
import type { SimulationInput } from "../../../src/simulate/input.ts";
import { checkLaws } from "../../../src/simulate/laws.ts";
import { Outcome, type ReplicaSummary, type RequestColumns } from "../../../src/simulate/result.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { onePool } from "../../support/one-replica.ts";
import { rows } from "../../support/rows.ts";

const input: SimulationInput = onePool(
  rows([0, 1_500, 3_000].map((atUs) => ({ atUs, prompt: 10, output: 4 }))),
  {},
  { maxModelLenTokens: 100 },
);
const result = simulate(input);

/** The result with one column's value of row 1 made wrong. */
const withColumn = (name: keyof RequestColumns, value: number) => ({
  ...result,
  requests: { ...result.requests, [name]: (result.requests[name] as Float64Array).with(1, value) },
});

const withReplica = (wrong: Partial<ReplicaSummary>) => ({
  ...result,
  replicas: [{ ...result.replicas[0]!, ...wrong }],
});

describe("checkLaws", () => {
  it("finds nothing in a run as it was", () => {
    expect(() => checkLaws(input, result)).not.toThrow();
  });

  it.each([
    ["scheduled before it arrived", "scheduledUs", 1_499],
    ["first token when it was scheduled", "firstTokenUs", 2_000],
    ["finished before its first token", "finishUs", 2_999],
    ["finished after the end", "finishUs", 1e9],
    ["never scheduled", "scheduledUs", NaN],
  ] as const)("stops at a request that was %s, and names it with its times", (_what, column, value) => {
    expect(result.requests.scheduledUs[1]).toBe(2_000);
    const wrong = withColumn(column, value);
    expect(() => checkLaws(input, wrong)).toThrow(InvariantError);
    expect(() => checkLaws(input, wrong)).toThrow(/law "causality" is broken: request 1 arrives at 1500, is scheduled/);
  });

  it("stops at a request that did not end, unless the run was stopped", () => {
    const wrong = withColumn("outcome", Outcome.unfinished);
    expect(() => checkLaws(input, wrong)).toThrow(/"every request ends" is broken: request 1/);
    expect(() => checkLaws(input, { ...wrong, stopped: true })).not.toThrow();
  });

  it("stops at a request that was turned away and finished", () => {
    expect(() => checkLaws(input, withColumn("outcome", Outcome.rejected))).toThrow(/"every request ends once"/);
  });

  it("stops at a hit that covers the whole prompt", () => {
    expect(() => checkLaws(input, withColumn("cachedTokens", 9))).not.toThrow();
    expect(() => checkLaws(input, withColumn("cachedTokens", 10))).toThrow(/request 1: 10 cached tokens/);
  });

  it("stops at a replica that was busy for longer than there was time", () => {
    expect(() => checkLaws(input, withReplica({ busyUs: result.endUs + 1 }))).toThrow(
      /"time" is broken: pool-0 was busy/,
    );
  });

  it("stops at steps that no hardware could do", () => {
    // The floor of this model is its step time; half a microsecond a step may be rounded away.
    const { steps, busyUs } = result.replicas[0]!;
    expect(busyUs).toBe(steps * 1_000);
    expect(() => checkLaws(input, withReplica({ busyUs: steps * 999.5 }))).not.toThrow();
    expect(() => checkLaws(input, withReplica({ busyUs: steps * 999 }))).toThrow(
      /"no step beats the hardware".* pool-0/,
    );
  });
});
