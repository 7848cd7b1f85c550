import { expect, test } from "vitest";
import { activeRequestScorer } from "../../../src/scorers/active-request-scorer.ts";
import { noHitLruScorer } from "../../../src/scorers/no-hit-lru-scorer.ts";
import { precisePrefixCacheScorer } from "../../../src/scorers/precise-prefix-cache-scorer.ts";
import { prefixCacheScorer } from "../../../src/scorers/prefix-cache-scorer.ts";
import { tokenLoadScorer } from "../../../src/scorers/token-load-scorer.ts";
import { chose, context } from "../../support/prompts.ts";
import { endpoint, request } from "../../support/routing.ts";

const three = [endpoint(0), endpoint(1), endpoint(2)];

interface Scoring {
  score(asked: unknown, endpoints: unknown, scores: Float64Array, nowUs: number): void;
}

function scores(scorer: Scoring, endpoints = three, asked = request()): number[] {
  const given = new Float64Array(endpoints.length);
  scorer.score(asked, endpoints, given, 0);
  return [...given];
}

const matches = (...matchBlocks: number[]) => ({
  available: true,
  totalBlocks: 8,
  blockSizeTokens: 64,
  matchBlocks: Float64Array.from(matchBlocks),
});

const prefix = (match: object, parameters: object = {}) =>
  prefixCacheScorer.create(prefixCacheScorer.parameters.parse(parameters), context({ "prefix-match": match }));

test("prefix-cache-scorer: the matched share of the prompt", () => {
  const scorer = prefix(matches(8, 2, 0));
  expect(scores(scorer)).toEqual([1, 0.25, 0]);
  expect(scorer.facts!(endpoint(1))).toBe("2 of 8 blocks of 64 tokens");
});

test("prefix-cache-scorer: part of the weight on the square of the absolute length", () => {
  // 0.5 · (min(1, 4 · 64 / 512))² + 0.5 · 4/8, and the length capped at its scale.
  const parameters = { matchLengthWeight: 0.5, matchLengthScaleTokens: 512 };
  expect(scores(prefix(matches(4, 8, 0), parameters))).toEqual([0.375, 1, 0]);
  expect(scores(prefix(matches(4, 8, 0), { ...parameters, matchLengthScaleTokens: 128 }))).toEqual([0.75, 1, 0]);
});

test("prefix-cache-scorer: 0 without information", () => {
  expect(scores(prefix({ ...matches(8, 8, 8), available: false }))).toEqual([0, 0, 0]);
  expect(scores(prefix({ ...matches(0, 0, 0), totalBlocks: 0 }))).toEqual([0, 0, 0]);
});

test.each([{ matchLengthWeight: 1.1 }, { matchLengthWeight: -0.1 }, { matchLengthScaleTokens: 0 }])(
  "prefix-cache-scorer refuses %o",
  (parameters) => {
    expect(prefixCacheScorer.parameters.safeParse(parameters).success).toBe(false);
  },
);

test("precise-prefix-cache-scorer: the same formula on a producer that it brings along", () => {
  const given = precisePrefixCacheScorer.parameters.parse({ tokenProcessorConfig: { blockSize: 64 } });
  const scorer = precisePrefixCacheScorer.create(given, context({ "prefix-match": matches(4, 0, 0) }));
  expect(scores(scorer)).toEqual([0.5, 0, 0]);
  expect(precisePrefixCacheScorer.brings!(given)).toEqual([
    { type: "precise-prefix-cache-producer", parameters: given },
  ]);
});

const active = (requests: number[], parameters: object = {}) =>
  activeRequestScorer.create(
    activeRequestScorer.parameters.parse(parameters),
    context({ "in-flight-load": { requests: Int32Array.from(requests), tokens: new Float64Array(3) } }),
  );

test.each([
  [[0, 1, 4], {}, [1, 0.75, 0]],
  [[2, 1, 4], { idleThreshold: 1 }, [0.5, 1, 0]],
  [[2, 1, 4], { maxBusyScore: 0.5 }, [0.25, 0.375, 0]],
  [[0, 0, 0], {}, [1, 1, 1]],
  [[2, 1, 4], { maxBusyScore: 1.5, idleThreshold: -3 }, [0.5, 0.75, 0]],
  [[3, 3, 3], { requestTimeout: "2m" }, [0, 0, 0]],
])("active-request-scorer of %o under %o", (requests, parameters, wanted) => {
  expect(scores(active(requests, parameters))).toEqual(wanted);
});

test("active-request-scorer: the busiest is sought among the candidates only", () => {
  expect(scores(active([1, 2, 50]), [endpoint(0), endpoint(1)])).toEqual([0.5, 0]);
});

const tokenLoad = (tokens: number[], uncached: number[], parameters: object = {}) =>
  tokenLoadScorer.create(
    tokenLoadScorer.parameters.parse(parameters),
    context({
      "in-flight-load": { requests: new Int32Array(3), tokens: Float64Array.from(tokens) },
      "uncached-tokens": { tokens: Float64Array.from(uncached) },
    }),
  );

test("token-load-scorer: tokens in flight and this request's own, against the threshold", () => {
  expect(scores(tokenLoad([0, 100, 900], [0, 150, 200], { queueThresholdTokens: 1000 }))).toEqual([1, 0.75, 0]);
  expect(scores(tokenLoad([0, 0, 2097152], [0, 0, 0]))).toEqual([1, 1, 0.5]);
  expect(scores(tokenLoad([1048576, 0, 0], [0, 0, 0], { queueThresholdTokens: 0 }))[0]).toBe(0.75);
});

test("token-load-scorer needs both data of the same producer", () => {
  const named = tokenLoadScorer.parameters.parse({ inFlightLoadProducerName: "mine" });
  expect(tokenLoadScorer.requires!(named)).toEqual([
    { kind: "in-flight-load", producer: "mine" },
    { kind: "uncached-tokens", producer: "mine" },
  ]);
});

function noHit(match: { matchBlocks: Float64Array; available: boolean }, parameters: object = {}) {
  const scorer = noHitLruScorer.create(noHitLruScorer.parameters.parse(parameters), context({ "prefix-match": match }));
  const send = (slot: number, endpoints = three) => {
    const asked = request();
    const given = scores(scorer, endpoints, asked);
    const target = chose("default", endpoint(slot));
    scorer.preRequest!(asked, 0, target, [target], 0);
    return given;
  };
  return { scorer, send };
}

test("no-hit-lru-scorer: never used first, in candidate order, then the longest unused", () => {
  const { send } = noHit(matches(0, 0, 0));
  expect(send(1)).toEqual([1, 0.5, 0]);
  // One used: 0 and 2 rank 1st and 2nd, the used one last.
  expect(send(0)).toEqual([1, 0, 0.5]);
  expect(send(2)).toEqual([0, 0.5, 1]);
  // All used, in the order 1, 0, 2.
  expect(send(1)).toEqual([0.5, 1, 0]);
  expect(send(1)).toEqual([1, 0, 0.5]);
});

test("no-hit-lru-scorer: all alike when any candidate has a match, and such a request is not remembered", () => {
  const match = matches(0, 0, 0);
  const { send } = noHit(match);
  match.matchBlocks[2] = 1;
  expect(send(2)).toEqual([0.5, 0.5, 0.5]);
  match.matchBlocks[2] = 0;
  expect(send(0)).toEqual([1, 0.5, 0]);
  // A match on an endpoint that is no candidate does not count.
  match.matchBlocks[2] = 1;
  expect(send(1, [endpoint(0), endpoint(1)])).toEqual([0, 1]);
});

test("no-hit-lru-scorer: a request without information is cold; a lone candidate scores 1", () => {
  const { send } = noHit({ ...matches(8, 8, 8), available: false });
  expect(send(0)).toEqual([1, 0.5, 0]);
  expect(send(0, [endpoint(0)])).toEqual([1]);
});

test("no-hit-lru-scorer: positions count endpoints that are no candidates, or gone", () => {
  const { send } = noHit(matches(0, 0, 0));
  send(2);
  send(0);
  send(1);
  // Over the whole list (2, 0, 1), 0 is second and 1 third; with two candidates each place costs a whole point.
  expect(send(1, [endpoint(0), endpoint(1)])).toEqual([0, 0]);
});

test("no-hit-lru-scorer: marks the primary target, then that of the profile named prefill", () => {
  const { scorer, send } = noHit(matches(0, 0, 0));
  const asked = request();
  scores(scorer, three, asked);
  const primary = chose("decode", endpoint(0));
  scorer.preRequest!(asked, 0, primary, [chose("prefill", endpoint(1)), chose("encode", endpoint(2)), primary], 0);
  // 2 never used, then 0, then 1.
  expect(send(2)).toEqual([0.5, 0, 1]);
});

test("no-hit-lru-scorer: remembers lruSize endpoints", () => {
  const { scorer, send } = noHit(matches(0, 0, 0), { lruSize: 2 });
  send(0);
  send(1);
  send(2);
  expect(scorer.facts!(endpoint(0))).toBe("cold request; never got one");
  expect(scorer.facts!(endpoint(2))).toBe("cold request; 2 of 2 by last cold request, oldest first");
  expect(send(0)).toEqual([1, 0.5, 0]);
});
