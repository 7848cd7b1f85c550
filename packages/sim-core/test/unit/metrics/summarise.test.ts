import { describe, expect, test } from "vitest";
import { METRICS } from "../../../src/metrics/definitions.ts";
import { runSummarySchema } from "../../../src/metrics/run-summary.ts";
import type { RunFacts } from "../../../src/metrics/summarise.ts";
import { summarise } from "../../../src/metrics/summarise.ts";
import type { SimulationResult } from "../../../src/simulate/result.ts";
import { Outcome } from "../../../src/simulate/result.ts";
import type { WorkloadClass } from "../../../src/workload/workload.ts";

interface Row {
  readonly arrival: number;
  readonly scheduled?: number;
  readonly first?: number;
  readonly finish?: number;
  readonly prompt: number;
  readonly output: number;
  readonly cached?: number;
  readonly replica?: number;
  readonly outcome: number;
}

const SECOND = 1e6;
const nan = Number.NaN;

function resultOf(rows: readonly Row[], busySeconds: readonly number[], stopped = false): SimulationResult {
  const us = (pick: (row: Row) => number | undefined) => Float64Array.from(rows, (row) => (pick(row) ?? nan) * SECOND);
  return {
    requests: {
      count: rows.length,
      promptTokens: Int32Array.from(rows, (row) => row.prompt),
      outputTokens: Int32Array.from(rows, (row) => row.output),
      arrivalUs: us((row) => row.arrival),
      scheduledUs: us((row) => row.scheduled),
      firstTokenUs: us((row) => row.first),
      finishUs: us((row) => row.finish),
      replica: Int32Array.from(rows, (row) => row.replica ?? -1),
      cachedTokens: Int32Array.from(rows, (row) => row.cached ?? 0),
      preemptions: new Uint16Array(rows.length),
      outcome: Uint8Array.from(rows, (row) => row.outcome),
    },
    replicas: busySeconds.map(
      (busy, i) => ({ name: `r${i}`, busyUs: busy * SECOND }) as SimulationResult["replicas"][number],
    ),
    itl: { counts: Float64Array.of(0, 4), bucketLowUs: (bucket) => bucket * SECOND },
    endUs: 20 * SECOND,
    events: 0,
    stopped,
  };
}

function factsOf(classes?: readonly WorkloadClass[], classOf?: Uint8Array): RunFacts {
  const pool = (name: string) => ({ name, replicas: 1 });
  return {
    version: "0",
    scenario: "s",
    policy: "p",
    inputs: [],
    input: {
      seed: 1,
      workload: { ...(classes ? { classes } : {}), ...(classOf ? { classOf } : {}) },
      pools: [pool("a"), pool("b")],
    } as unknown as RunFacts["input"],
    hardware: [
      { accelerator: "x", pricePerHourUsd: 3.6, idleWatts: 100, peakWatts: 500 },
      { accelerator: "y", pricePerHourUsd: 7.2, idleWatts: 10, peakWatts: 20 },
    ],
  };
}

// Span 0 s to 10 s. Row 0: TTFT 1, E2E 5, TPOT 4/4 = 1. Row 1: TTFT 3, one token. Row 2 rejected.
const ROWS: readonly Row[] = [
  {
    arrival: 0,
    scheduled: 0.5,
    first: 1,
    finish: 5,
    prompt: 100,
    output: 5,
    cached: 20,
    replica: 0,
    outcome: Outcome.completed,
  },
  {
    arrival: 7,
    scheduled: 8,
    first: 10,
    finish: 10,
    prompt: 300,
    output: 1,
    cached: 60,
    replica: 1,
    outcome: Outcome.completed,
  },
  { arrival: 8, prompt: 50, output: 9, outcome: Outcome.rejected },
];

describe("summary", () => {
  const summary = summarise(factsOf(), resultOf(ROWS, [4, 2]));
  const { fleet } = summary;

  test("is what its schema says", () => {
    expect(runSummarySchema.parse(summary)).toEqual(summary);
  });

  test("counts requests by outcome", () => {
    expect(fleet.requests).toEqual({ total: 3, completed: 2, rejected: 1, refusedTooLong: 0, unfinished: 0 });
  });

  test("takes latencies from the clock", () => {
    expect(fleet.latency.ttft).toMatchObject({ count: 2, meanSeconds: 2, p50Seconds: 2, maxSeconds: 3 });
    expect(fleet.latency.tpot).toMatchObject({ count: 1, meanSeconds: 1, p99Seconds: 1 });
    expect(fleet.latency.e2e).toMatchObject({ count: 2, meanSeconds: 4, p50Seconds: 4 });
    expect(fleet.latency.ntpot).toMatchObject({ count: 2, meanSeconds: 2 });
    expect(fleet.latency.queueTime).toMatchObject({ count: 2, meanSeconds: 0.75 });
    // Four gaps in [1 s, 2 s); the mean is that of the completed requests' four gaps of 1 s.
    expect(fleet.latency.itl).toMatchObject({ count: 4, meanSeconds: 1, p50Seconds: 1.5, maxSeconds: 2 });
  });

  test("counts the drain in rates", () => {
    expect(summary.spanSeconds).toBe(10);
    expect(fleet.requestsPerSecond).toBeCloseTo(0.2, 12);
    expect(fleet.goodputRequestsPerSecond).toBeCloseTo(0.2, 12);
    expect(fleet.sloAttainmentFraction).toBeCloseTo(2 / 3, 12);
    expect(fleet.outputTokensPerSecond).toBeCloseTo(0.6, 12);
    expect(fleet.totalTokensPerSecond).toBeCloseTo(40.6, 12);
    expect(fleet.prefixHitFraction).toBeCloseTo(0.2, 12);
  });

  test("charges every accelerator for the whole span", () => {
    expect(fleet.utilisationFraction).toBeCloseTo(6 / 20, 12);
    // 10.8 dollars an hour for 10 s.
    expect(fleet.costUsd).toBeCloseTo(0.03, 12);
    expect(fleet.costPerMillionTokensUsd).toBeCloseTo(0.03e6 / 406, 6);
    // 100 W × 10 s + 400 W × 4 s + 10 W × 10 s + 10 W × 2 s.
    expect(fleet.energyJoules).toBeCloseTo(2720, 9);
  });

  test("keeps pools apart", () => {
    expect(
      summary.pools.map(({ name, requests, prefixHitFraction, utilisationFraction }) => ({
        name,
        n: requests.total,
        prefixHitFraction,
        utilisationFraction,
      })),
    ).toEqual([
      { name: "a", n: 1, prefixHitFraction: 0.2, utilisationFraction: 0.4 },
      { name: "b", n: 1, prefixHitFraction: 0.2, utilisationFraction: 0.2 },
    ]);
    expect(summary.pools[1]!.latency.tpot.p50Seconds).toBeNull();
    expect(summary.pools[1]!.missing["latency.tpot"]).toContain("two tokens");
  });
});

test("a request meets its SLO only when it meets every part of it", () => {
  const classes = [
    { name: "tight", priority: 0, ttftSloUs: 2 * SECOND, tpotSloUs: 0.5 * SECOND },
    { name: "loose", priority: 0, ttftSloUs: 3 * SECOND, tpotSloUs: 1 },
  ];
  const { fleet, classes: byClass } = summarise(factsOf(classes, Uint8Array.of(0, 1, 1)), resultOf(ROWS, [4, 2]));
  // Row 0 meets its TTFT and misses its TPOT; row 1 has one token and so no TPOT to miss; row 2 was rejected.
  expect(fleet.sloAttainmentFraction).toBeCloseTo(1 / 3, 12);
  expect(byClass.map(({ sloAttainmentFraction }) => sloAttainmentFraction)).toEqual([0, 0.5]);
});

test("no data is null with a reason, never a number", () => {
  const { fleet } = summarise(
    factsOf(),
    resultOf([{ arrival: 0, prompt: 5, output: 5, outcome: Outcome.unfinished }], [0, 0], true),
  );
  expect(fleet.latency.ttft.p50Seconds).toBeNull();
  expect(fleet.sloAttainmentFraction).toBeNull();
  expect(Object.keys(fleet.missing)).toEqual(
    expect.arrayContaining(["latency.ttft", "latency.e2e", "sloAttainmentFraction"]),
  );
  expect(Object.values(fleet.missing).every((reason) => reason.length > 0)).toBe(true);
});

test("every metric has a name of its own", () => {
  const names = METRICS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
