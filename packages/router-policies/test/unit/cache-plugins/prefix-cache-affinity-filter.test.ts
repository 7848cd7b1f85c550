import { expect, test } from "vitest";
import { prefixCacheAffinityFilter } from "../../../src/filters/prefix-cache-affinity-filter.ts";
import { context } from "../../support/prompts.ts";
import { draws, endpoint, request } from "../../support/routing.ts";

const three = [endpoint(0), endpoint(1), endpoint(2)];

function kept(
  matchBlocks: number[],
  tokens: number[],
  parameters: object = {},
  endpoints = three,
  random = draws(0.5),
): number[] {
  const match = { available: true, totalBlocks: 10, blockSizeTokens: 64, matchBlocks: Float64Array.from(matchBlocks) };
  const load = { requests: new Int32Array(3), tokens: Float64Array.from(tokens) };
  const given = prefixCacheAffinityFilter.parameters.parse(parameters);
  const data = context({ "prefix-match": match, "in-flight-load": load }, { random });
  const filter = prefixCacheAffinityFilter.create(given, data);
  return filter.filter(request(), endpoints, 0).map(({ slot }) => slot);
}

test("keeps the endpoints that have the threshold's share of the prompt", () => {
  expect(kept([8, 7, 10], [0, 0, 0])).toEqual([0, 2]);
  expect(kept([8, 7, 10], [0, 0, 0], { affinityThreshold: 0.9 })).toEqual([2]);
});

test("keeps all when none or all are sticky, when off, and when there is no choice", () => {
  expect(kept([7, 0, 0], [0, 0, 0])).toEqual([0, 1, 2]);
  expect(kept([8, 8, 8], [0, 0, 0])).toEqual([0, 1, 2]);
  expect(kept([10, 0, 0], [0, 0, 0], { affinityThreshold: 0 })).toEqual([0, 1, 2]);
  expect(kept([0, 10, 0], [0, 0, 0], {}, [endpoint(0)])).toEqual([0]);
});

test("opens to all when the best sticky one waits longer than the best other by more than the penalty", () => {
  // 15,928 tokens a second: 286,704 tokens are 18 s.
  expect(kept([10, 0, 0], [286_704, 0, 5])).toEqual([0]);
  expect(kept([10, 0, 0], [286_720, 0, 5])).toEqual([0, 1, 2]);
  expect(kept([10, 9, 0], [900_000, 100, 5])).toEqual([0, 1]);
  expect(kept([10, 0, 0], [2001, 0, 1000], { peakPrefillThroughput: 1000, maxTTFTPenaltyMs: 2000 })).toEqual([0, 1, 2]);
  expect(kept([10, 0, 0], [9e9, 0, 0], { maxTTFTPenaltyMs: 0 })).toEqual([0]);
});

test("lets the configured share of requests explore", () => {
  const parameters = { explorationProbability: 0.25 };
  expect(kept([10, 0, 0], [0, 0, 0], parameters, three, draws(0.24))).toEqual([0, 1, 2]);
  expect(kept([10, 0, 0], [0, 0, 0], parameters, three, draws(0.25))).toEqual([0]);
});

test("refuses what it cannot do", () => {
  expect(() => kept([], [], { ttftSource: "latencyPredictor" })).toThrow(
    "predicted-latency-producer, not supported yet",
  );
  expect(() => kept([], [], { prefillCalibrationFile: "a.json" })).toThrow("not supported yet");
  expect(prefixCacheAffinityFilter.parameters.safeParse({ maxTokensInFlightPenalty: 1 }).success).toBe(false);
});
