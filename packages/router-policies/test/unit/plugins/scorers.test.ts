import { describe, expect, it } from "vitest";
import { kvCacheUtilizationScorer } from "../../../src/scorers/kv-cache-utilization-scorer.ts";
import { loadAwareScorer } from "../../../src/scorers/load-aware-scorer.ts";
import { queueScorer } from "../../../src/scorers/queue-scorer.ts";
import { runningRequestsSizeScorer } from "../../../src/scorers/running-requests-size-scorer.ts";
import { context, draws, endpoint, scoresOf, unscraped } from "../../support/routing.ts";

const strict = context(draws(0), true);

describe("queue-scorer", () => {
  const scorer = queueScorer.create({}, context());
  const queues = (...sizes: number[]) => sizes.map((waitingQueueSize, i) => endpoint(i, { waitingQueueSize }));

  it("is (max − q) / (max − min)", () => {
    expect(scoresOf(scorer, queues(2, 10, 4))).toEqual([1, 0, 0.75]);
  });
  it("gives 1 when all are equal, also to one endpoint", () => {
    expect(scoresOf(scorer, queues(7, 7))).toEqual([1, 1]);
    expect(scoresOf(scorer, queues(9))).toEqual([1]);
  });
  it("takes an unscraped endpoint for the best, strictly for the worst", () => {
    const endpoints = [unscraped(0), ...[3, 5].map((waitingQueueSize, i) => endpoint(i + 1, { waitingQueueSize }))];
    expect(scoresOf(scorer, endpoints)).toEqual([1, 0.4, 0]);
    expect(scoresOf(queueScorer.create({}, strict), endpoints)).toEqual([0, 1, 0]);
    expect(scoresOf(queueScorer.create({}, strict), [unscraped(0)])).toEqual([0]);
  });
});

describe("running-requests-size-scorer", () => {
  it("is (max − r) / (max − min)", () => {
    const endpoints = [8, 0, 6].map((runningRequestsSize, i) => endpoint(i, { runningRequestsSize }));
    expect(scoresOf(runningRequestsSizeScorer.create({}, context()), endpoints)).toEqual([0, 1, 0.25]);
  });
});

describe("kv-cache-utilization-scorer", () => {
  const endpoints = [0.25, 1.5, 0].map((kvCacheUsageFraction, i) => endpoint(i, { kvCacheUsageFraction }));
  it("is 1 − usage, never below 0", () => {
    expect(scoresOf(kvCacheUtilizationScorer.create({}, context()), endpoints)).toEqual([0.75, 0, 1]);
  });
  it("gives an unscraped endpoint 1, strictly 0", () => {
    expect(scoresOf(kvCacheUtilizationScorer.create({}, context()), [unscraped(0)])).toEqual([1]);
    expect(scoresOf(kvCacheUtilizationScorer.create({}, strict), [unscraped(0)])).toEqual([0]);
  });
});

describe("load-aware-scorer", () => {
  const endpoints = [0, 32, 128, 500].map((waitingQueueSize, i) => endpoint(i, { waitingQueueSize }));
  it("falls from 0.5 to 0 at the threshold", () => {
    expect(scoresOf(loadAwareScorer.create({ threshold: 128 }, context()), endpoints)).toEqual([0.5, 0.375, 0, 0]);
    expect(scoresOf(loadAwareScorer.create({ threshold: 64 }, context()), endpoints)).toEqual([0.5, 0.25, 0, 0]);
  });
  it("takes 128 for a threshold of 0 and less", () => {
    expect(scoresOf(loadAwareScorer.create({ threshold: -1 }, context()), endpoints)).toEqual([0.5, 0.375, 0, 0]);
  });
  it("gives an unscraped endpoint 0.5, strictly 0", () => {
    expect(scoresOf(loadAwareScorer.create({ threshold: 8 }, context()), [unscraped(0)])).toEqual([0.5]);
    expect(scoresOf(loadAwareScorer.create({ threshold: 8 }, strict), [unscraped(0)])).toEqual([0]);
  });
});
