import { expect, test } from "vitest";
import { approxPrefixCacheProducer } from "../../../src/producers/approx-prefix-cache-producer.ts";
import { chose, context, prompts } from "../../support/prompts.ts";
import { endpoint, request } from "../../support/routing.ts";

function producer(parameters: object = {}, strict = false) {
  const built = approxPrefixCacheProducer.create(
    approxPrefixCacheProducer.parameters.parse(parameters),
    context({}, { strict }),
  );
  const match = built.data["prefix-match"]!;
  return {
    ...{ built, match },
    send(asked: ReturnType<typeof prompts>, ...targets: ReturnType<typeof chose>[]) {
      built.produce(asked, [endpoint(0), endpoint(1), endpoint(2)], 0);
      built.preRequest!(asked, 0, targets[0]!, targets, 0);
    },
    look(asked: ReturnType<typeof prompts>, endpoints = [endpoint(0), endpoint(1), endpoint(2)]) {
      built.produce(asked, endpoints, 0);
      return [match.matchBlocks[0], match.matchBlocks[1], match.matchBlocks[2], match.totalBlocks];
    },
  };
}

test("remembers where a prompt went, the partly filled last block included", () => {
  const { built, match } = producer();
  const asked = request({ promptTokens: 129 });
  built.produce(asked, [endpoint(0)], 0);
  expect([match.totalBlocks, match.blockSizeTokens, match.matchBlocks[0]]).toEqual([3, 64, 0]);
  const target = chose("default", endpoint(0));
  built.preRequest!(asked, 0, target, [target], 0);
  built.produce(request({ promptTokens: 129 }), [endpoint(0)], 0);
  expect(match.matchBlocks[0]).toBe(3);
});

test("stops at the first block that no server holds, and credits each holder of each block before", () => {
  const { look, send } = producer();
  send(prompts([1, 2, 3]), chose("default", endpoint(0)));
  send(prompts([1, 9]), chose("default", endpoint(1)));
  expect(look(prompts([1, 2, 3, 4]))).toEqual([3, 1, 0, 4]);
  // Server 2 has room for two blocks and lacks the first: those behind a gap count too, as long as some server has each.
  send(prompts([1, 2, 3]), chose("default", endpoint(2, { cacheNumBlocks: 2 })));
  expect(look(prompts([1, 2, 3]))).toEqual([3, 1, 2, 3]);
  expect(look(prompts([5, 6]))).toEqual([0, 0, 0, 2]);
});

test("sums over prompts", () => {
  const { look, send } = producer();
  send(prompts([1, 2], [7]), chose("default", endpoint(1)));
  expect(look(prompts([7, 8], [1, 2, 3]))).toEqual([0, 3, 0, 5]);
});

test("inserts for the primary's first target and for the profile named prefill, and for no other", () => {
  const { look, send } = producer();
  send(
    prompts([1, 2]),
    chose("decode", endpoint(0), endpoint(1)),
    chose("prefill", endpoint(2)),
    chose("encode", endpoint(1)),
  );
  expect(look(prompts([1, 2]))).toEqual([2, 0, 2, 2]);
});

test("evicts the head of the prompt sent longest ago; look-ups refresh nothing, inserts do", () => {
  const { look, send } = producer({ autoTune: false, lruCapacityPerServer: 4 });
  send(prompts([1, 2]), chose("default", endpoint(0)));
  send(prompts([5, 6]), chose("default", endpoint(0)));
  look(prompts([1, 2]));
  send(prompts([8]), chose("default", endpoint(0)));
  expect(look(prompts([1, 2]))).toEqual([0, 0, 0, 2]);
  // Block 1 is with another server, so that the walk comes to block 2.
  send(prompts([1]), chose("default", endpoint(1)));
  expect(look(prompts([1, 2]))).toEqual([1, 1, 0, 2]);
  send(prompts([5]), chose("default", endpoint(0)));
  send(prompts([9, 10]), chose("default", endpoint(0)));
  expect(look(prompts([5, 6]))).toEqual([1, 0, 0, 2]);
  expect(look(prompts([1, 2]))).toEqual([0, 1, 0, 2]);
});

test("fixes a server's capacity at its first insert: the blocks its engine reports, else the parameter", () => {
  const small = endpoint(0, { cacheNumBlocks: 2 });
  const { look, send } = producer();
  send(prompts([1, 2, 3]), chose("default", small));
  send(prompts([1]), chose("default", endpoint(1)));
  expect(look(prompts([1, 2, 3]))).toEqual([2, 1, 0, 3]);
  send(prompts([4]), chose("default", endpoint(0, { cacheNumBlocks: 100 })));
  expect(look(prompts([1, 2, 3]))).toEqual([0, 1, 0, 3]);

  const untuned = producer({ autoTune: false, lruCapacityPerServer: 1 });
  untuned.send(prompts([1, 2]), chose("default", small));
  untuned.send(prompts([1]), chose("default", endpoint(1)));
  expect(untuned.look(prompts([1, 2]))).toEqual([1, 1, 0, 2]);
});

test.each([
  ["the first candidate's", {}, 128, false, 128],
  ["the floor, for the first candidate's", {}, 16, false, 64],
  ["the parameter's, when the engine reports none", { blockSizeTokens: 256 }, 0, false, 256],
  ["the parameter's, without autoTune", { blockSizeTokens: 256, autoTune: false }, 128, false, 256],
  ["the older parameter's", { blockSize: 96, autoTune: false }, 128, false, 96],
  ["the newer parameter's, before the older", { blockSize: 96, blockSizeTokens: 80, autoTune: false }, 0, false, 80],
  ["the floor, for the default of 16", { autoTune: false }, 128, false, 64],
  ["what is reported, when strict", {}, 16, true, 16],
  ["the default of 16, when strict", { autoTune: false }, 128, true, 16],
])("block size: %s", (_name, parameters, reported, strict, wanted) => {
  const { built, match } = producer(parameters, strict);
  built.produce(request(), [endpoint(0, { cacheBlockSizeTokens: reported }), endpoint(1)], 0);
  expect(match.blockSizeTokens).toBe(wanted);
});

test("strict counts an engine's capacity in the index's own blocks", () => {
  const engine = endpoint(0, { cacheBlockSizeTokens: 16, cacheNumBlocks: 12 });
  const { built, match } = producer({}, true);
  const big = endpoint(1, { cacheBlockSizeTokens: 64 });
  const target = chose("default", engine);
  const asked = prompts([1, 2, 3, 4]);
  built.produce(asked, [big, engine], 0);
  built.preRequest!(asked, 0, target, [target], 0);
  const first = chose("default", big);
  const head = prompts([1]);
  built.produce(head, [big, engine], 0);
  built.preRequest!(head, 1, first, [first], 0);
  built.produce(asked, [big, engine], 0);
  // 12 blocks of 16 tokens are 3 of 64: the engine has lost its first.
  expect([...match.matchBlocks.subarray(0, 2)]).toEqual([3, 1]);
});

test.each([
  [{ maxPrefixTokensToMatch: 200 }, 3],
  [{ maxPrefixTokensToMatch: 0, maxPrefixBlocksToMatch: 2 }, 2],
  [{ maxPrefixTokensToMatch: 0, maxPrefixBlocksToMatch: 0 }, 5],
  [{}, 5],
])("looks at no more than the configured part of a prompt: %o", (parameters, blocks) => {
  expect(producer(parameters).look(prompts([1, 2, 3, 4, 5]))[3]).toBe(blocks);
});

test("a prompt without tokens has no blocks, and is no lack of information", () => {
  const { built, match } = producer();
  built.produce(request({ promptTokens: 0 }), [endpoint(0)], 0);
  expect([match.available, match.totalBlocks]).toEqual([true, 0]);
});

test("forgets an endpoint that is gone: the next in its slot starts cold", () => {
  const { built, look, send } = producer();
  send(prompts([1]), chose("default", endpoint(0)));
  built.endpointRemoved!(endpoint(0));
  expect(look(prompts([1]))[0]).toBe(0);
});

test("a request dispatched later than others were looked up is inserted under its own blocks", () => {
  const { built, look } = producer();
  const waited = prompts([1, 2]);
  built.produce(waited, [endpoint(0)], 0);
  built.produce(prompts([8, 9]), [endpoint(0)], 0);
  const target = chose("default", endpoint(0));
  built.preRequest!(waited, 0, target, [target], 0);
  expect(look(prompts([1, 2]))[0]).toBe(2);
  expect(look(prompts([8, 9]))[0]).toBe(0);
});

test("holds more servers than a mask word has bits", () => {
  const { built, match, send } = producer();
  for (const slot of [0, 31, 32, 63, 64, 200]) send(prompts([1, slot + 2]), chose("default", endpoint(slot)));
  built.produce(prompts([1, 66]), [endpoint(0)], 0);
  expect([0, 31, 32, 63, 64, 200].map((slot) => match.matchBlocks[slot])).toEqual([1, 1, 1, 1, 2, 1]);
});

test("refuses parameters that it does not know", () => {
  expect(approxPrefixCacheProducer.parameters.safeParse({ cacheSize: 1 }).success).toBe(false);
});
