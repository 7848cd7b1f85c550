import { expect, test } from "vitest";
import { inflightLoadProducer } from "../../../src/producers/inflight-load-producer.ts";
import { chose, context } from "../../support/prompts.ts";
import { endpoint, request } from "../../support/routing.ts";

const e0 = endpoint(0);
const e1 = endpoint(1);

function producer(parameters: object = {}, prefix: object | undefined = undefined, promptTokens = 1000) {
  const given = inflightLoadProducer.parameters.parse(parameters);
  const tokens = { available: promptTokens > 0, promptTokens };
  const built = inflightLoadProducer.create(given, context({ tokens, "prefix-match": prefix }));
  const load = built.data["in-flight-load"]!;
  const uncached = built.data["uncached-tokens"]!;
  return {
    built,
    send(ticket: number, ...profiles: ReturnType<typeof chose>[]) {
      built.produce(request(), [e0, e1], 0);
      built.preRequest!(request(), ticket, profiles[0]!, profiles, 0);
    },
    requests: () => [load.requests[0], load.requests[1]],
    tokens: () => [load.tokens[0], load.tokens[1]],
    uncached: () => [uncached.tokens[0], uncached.tokens[1]],
  };
}

test("counts requests and prompt tokens, tokens until the first chunk, requests until the end", () => {
  const { built, send, requests, tokens } = producer();
  send(0, chose("default", e0));
  send(1, chose("default", e0, e1));
  expect([requests(), tokens()]).toEqual([
    [2, 0],
    [2000, 0],
  ]);
  built.responseStarted!(0, 0);
  expect([requests(), tokens()]).toEqual([
    [2, 0],
    [1000, 0],
  ]);
  built.responseEnded!(0, 0);
  // Without a first chunk both end together.
  built.responseEnded!(1, 0);
  expect([requests(), tokens()]).toEqual([
    [0, 0],
    [0, 0],
  ]);
  built.responseEnded!(1, 0);
  expect(requests()).toEqual([0, 0]);
});

test("counts every profile's first target; the first chunk frees the prefill target wholly", () => {
  const { built, send, requests, tokens } = producer();
  send(5, chose("decode", e0), chose("prefill", e1));
  expect([requests(), tokens()]).toEqual([
    [1, 1],
    [1000, 1000],
  ]);
  built.responseStarted!(5, 0);
  expect([requests(), tokens()]).toEqual([
    [1, 0],
    [0, 0],
  ]);
  built.responseEnded!(5, 0);
  expect(requests()).toEqual([0, 0]);
});

test("with estimated output only the prefill target is freed early", () => {
  const { built, send, requests, tokens } = producer({ addEstimatedOutputTokens: true });
  send(0, chose("prefill", e1), chose("decode", e0));
  expect(tokens()).toEqual([2500, 2500]);
  built.responseStarted!(0, 0);
  expect([requests(), tokens()]).toEqual([
    [1, 0],
    [2500, 0],
  ]);
  built.responseEnded!(0, 0);
  expect(tokens()).toEqual([0, 0]);
});

test("counts blocks that are not cached, whole, and what lies behind the blocks that were looked at", () => {
  const prefix = { available: true, totalBlocks: 10, blockSizeTokens: 64, matchBlocks: Float64Array.of(4, 10) };
  const { send, tokens, uncached } = producer({}, prefix);
  send(0, chose("default", e0));
  // (10 − 4) · 64 + (1000 − 640), and nothing but the tail where all is cached.
  expect(uncached()).toEqual([744, 360]);
  expect(tokens()).toEqual([744, 0]);
  const partial = { ...prefix, totalBlocks: 16 };
  expect(firstUncached(producer({}, partial))).toBe(768);
  expect(firstUncached(producer({}, { ...prefix, available: false }))).toBe(1000);
  expect(firstUncached(producer({}, { ...prefix, available: false }, 0))).toBe(0);
});

function firstUncached({ built, uncached }: ReturnType<typeof producer>): number {
  built.produce(request(), [e0, e1], 0);
  return uncached()[0]!;
}

test.each([
  [{ addEstimatedOutputTokens: true }, undefined, 2500],
  [{ addEstimatedOutputTokens: true, outputRatio: 0.0125 }, undefined, 1013],
  [{ addEstimatedOutputTokens: true, maxEstimatedOutputTokens: 300 }, undefined, 1300],
  [{ addEstimatedOutputTokens: true, maxEstimatedOutputTokens: 300 }, 200, 1200],
  [{ addEstimatedOutputTokens: true }, 0, 1000],
  [{ outputRatio: 3 }, undefined, 1000],
])("estimates the output: %o, client's limit %s", (parameters, maxOutputTokens, wanted) => {
  const { built, uncached } = producer(parameters);
  built.produce(request(maxOutputTokens === undefined ? {} : { maxOutputTokens }), [e0], 0);
  expect(uncached()[0]).toBe(wanted);
});

test("requests of an endpoint that is gone do not count against the next in its slot", () => {
  const { built, send, requests, tokens } = producer();
  send(0, chose("default", e0));
  built.endpointRemoved!(e0);
  expect(requests()).toEqual([0, 0]);
  built.endpointAdded!(e0);
  send(1, chose("default", e0));
  built.responseStarted!(0, 0);
  built.responseEnded!(0, 0);
  expect([requests(), tokens()]).toEqual([
    [1, 0],
    [1000, 0],
  ]);
});

test("stays exact over many overlapping requests and large slots", () => {
  const { built } = producer();
  const target = chose("default", endpoint(500));
  for (let ticket = 0; ticket < 3000; ticket++) built.preRequest!(request(), ticket, target, [target], 0);
  const load = built.data["in-flight-load"]!;
  expect([load.requests[500], load.tokens[500]]).toEqual([3000, 3_000_000]);
  for (let ticket = 0; ticket < 3000; ticket += 2) built.responseEnded!(ticket, 0);
  expect([load.requests[500], load.tokens[500]]).toEqual([1500, 1_500_000]);
});

test("the prefix information is optional and of the named producer", () => {
  expect(inflightLoadProducer.requires!(inflightLoadProducer.parameters.parse({}))).toContainEqual({
    kind: "prefix-match",
    producer: "approx-prefix-cache-producer",
    optional: true,
  });
  const named = inflightLoadProducer.parameters.parse({ prefixMatchInfoProducerName: "precise" });
  expect(inflightLoadProducer.requires!(named)[1]!.producer).toBe("precise");
  expect(inflightLoadProducer.parameters.safeParse({ outputRatio: -1 }).success).toBe(false);
});
