import { expect, test } from "vitest";
import { precisePrefixCacheProducer } from "../../../src/producers/precise-prefix-cache-producer.ts";
import { chose, context, prompts } from "../../support/prompts.ts";
import { endpoint, request } from "../../support/routing.ts";

function producer(parameters: object = {}, strict = false) {
  const given = precisePrefixCacheProducer.parameters.parse(parameters);
  const built = precisePrefixCacheProducer.create(given, context({}, { name: "precise", strict }));
  const match = built.data["prefix-match"]!;
  return {
    built,
    match,
    event(slot: number, type: "stored" | "removed" | "cleared", keys: number[] = [], medium = "gpu", nowUs = 0) {
      const lo = Int32Array.from(keys);
      const of = { length: lo.length, hi: new Int32Array(lo.length), lo };
      built.kvEvent!(endpoint(slot), { type, medium, blockSizeTokens: 16, keys: of }, nowUs);
    },
    look(keys: number[], nowUs = 0) {
      built.produce(prompts(keys), [endpoint(0), endpoint(1)], nowUs);
      return [match.matchBlocks[0], match.matchBlocks[1]];
    },
  };
}

test("counts the blocks that each endpoint holds from the front without a gap", () => {
  const { event, look, match } = producer();
  event(0, "stored", [1, 2, 3]);
  event(1, "stored", [1, 3]);
  expect(look([1, 2, 3, 4])).toEqual([3, 1]);
  expect(look([2, 3])).toEqual([2, 0]);
  expect([match.totalBlocks, match.blockSizeTokens, match.available]).toEqual([2, 16, true]);
});

test("weighs a block by its best tier, and truncates the sum: two cpu blocks count as one", () => {
  const { event, look } = producer();
  event(0, "stored", [1, 2], "cpu");
  expect(look([1, 2])).toEqual([1, 0]);
  event(0, "stored", [1], "gpu");
  event(0, "stored", [3], "disk");
  // 1 (gpu before cpu) + 0.8 (cpu) + 1 (a tier without a weight).
  expect(look([1, 2, 3])).toEqual([2, 0]);
});

test("strict keeps the weighted sum whole", () => {
  const { event, look } = producer({}, true);
  event(0, "stored", [1, 2], "cpu");
  event(0, "stored", [3]);
  expect(look([1, 2, 3])[0]).toBeCloseTo(2.6, 12);
});

test("takes the weights that are configured, in place of the default ones", () => {
  const weights = [{ name: "disk", weight: 0.25 }];
  const { event, look } = producer({ indexerConfig: { kvCacheBackendConfigs: weights } }, true);
  event(0, "stored", [1], "disk");
  event(0, "stored", [2], "cpu");
  event(0, "stored", [3], "tape");
  expect(look([1])[0]).toBe(0.25);
  expect(look([1, 2, 3])[0]).toBe(2.25);
});

test("counts stores and removals: a block held twice stays until both are removed", () => {
  const { event, look } = producer();
  event(0, "stored", [1, 2]);
  event(0, "stored", [2]);
  event(0, "removed", [2]);
  expect(look([1, 2])[0]).toBe(2);
  event(0, "removed", [2, 77]);
  expect(look([1, 2])[0]).toBe(1);
  event(0, "removed", [1], "cpu");
  expect(look([1, 2])[0]).toBe(1);
});

test("clears every tier of one endpoint", () => {
  const { event, look } = producer();
  event(0, "stored", [1, 2]);
  event(0, "stored", [1], "cpu");
  event(1, "stored", [1]);
  event(0, "cleared");
  expect(look([1, 2])).toEqual([0, 1]);
});

test("an endpoint that is gone leaves nothing to the next in its slot", () => {
  const { built, event, look } = producer();
  event(0, "stored", [1]);
  built.endpointRemoved!(endpoint(0));
  expect(look([1])[0]).toBe(0);
});

test("a prompt without a full block has no information at all", () => {
  const { built, match } = producer();
  built.produce(request({ promptTokens: 15 }), [endpoint(0)], 0);
  expect([match.available, match.totalBlocks]).toEqual([false, 0]);
  built.produce(request({ promptTokens: 33 }), [endpoint(0)], 0);
  expect([match.available, match.totalBlocks]).toEqual([true, 2]);
});

test("keeps no more endpoints of a block than podCacheSize, the latest stored", () => {
  const { event, look } = producer({ indexerConfig: { kvBlockIndexConfig: { inMemoryConfig: { podCacheSize: 2 } } } });
  event(0, "stored", [1]);
  event(1, "stored", [1]);
  event(0, "stored", [1]);
  event(2, "stored", [1]);
  expect(look([1])).toEqual([1, 0]);
});

test("keeps ten endpoints of a block unless told otherwise", () => {
  const { event, look } = producer();
  for (let slot = 0; slot < 11; slot++) event(slot, "stored", [1]);
  expect(look([1])).toEqual([0, 1]);
});

test("keeps no more blocks than size; look-ups keep a block", () => {
  const { event, look } = producer({ indexerConfig: { kvBlockIndexConfig: { inMemoryConfig: { size: 2 } } } });
  event(0, "stored", [1, 2]);
  look([1]);
  event(0, "stored", [3]);
  expect([look([1])[0], look([2])[0], look([3])[0]]).toEqual([1, 0, 1]);
});

test("assumes at once, and for the time to live, that targets hold what they were sent", () => {
  const { built, look } = producer({ speculativeIndexing: true, speculativeTTL: "1s" });
  const sent = prompts([1, 2]);
  const decode = chose("decode", endpoint(0));
  built.produce(sent, [endpoint(0)], 0);
  built.preRequest!(sent, 0, decode, [decode, chose("prefill", endpoint(1))], 500);
  expect(look([1, 2], 1_000_499)).toEqual([2, 2]);
  expect(look([1, 2], 1_000_500)).toEqual([0, 0]);
});

test("an assumption that expires leaves what events have confirmed, and what was assumed after a clear", () => {
  const { built, event, look } = producer({ speculativeIndexing: true });
  const sent = prompts([1, 2]);
  const target = chose("default", endpoint(0));
  const send = (nowUs: number) => {
    built.produce(sent, [endpoint(0)], nowUs);
    built.preRequest!(sent, 0, target, [target], nowUs);
  };
  send(0);
  event(0, "stored", [1]);
  expect(look([1, 2], 2_000_000)[0]).toBe(1);
  send(2_000_000);
  event(0, "cleared", [], "gpu", 2_500_000);
  send(3_000_000);
  expect(look([1, 2], 4_500_000)[0]).toBe(2);
  expect(look([1, 2], 5_000_000)[0]).toBe(0);
});

test("assumes nothing unless told to", () => {
  const { built, look } = producer();
  const sent = prompts([1]);
  const target = chose("default", endpoint(0));
  built.produce(sent, [endpoint(0)], 0);
  built.preRequest!(sent, 0, target, [target], 0);
  expect(look([1])[0]).toBe(0);
});

test("reports events of another block size, unless some came in its own", () => {
  const { built, event, look } = producer();
  const keys = { length: 1, hi: new Int32Array(1), lo: Int32Array.of(1) };
  built.kvEvent!(endpoint(0), { type: "stored", medium: "gpu", blockSizeTokens: 64, keys }, 0);
  expect(() => look([1])).toThrow("precise: KV events have blocks of 64 tokens, blockSizeTokens is 16");
  event(0, "stored", [1]);
  expect(look([1])[0]).toBe(1);
});

test.each([
  [{ tokenProcessorConfig: { blockSize: 64 } }, 64],
  [{ tokenProcessorConfig: { blockSize: 64, blockSizeTokens: 5 } }, 5],
  [{ tokenProcessorConfig: { hashSeed: "42", hashAlgorithm: "xxh64" } }, 16],
])("block size of %o", (parameters, wanted) => {
  expect(producer(parameters).match.blockSizeTokens).toBe(wanted);
});

test("takes every documented parameter, refuses others, and says which indexes it lacks", () => {
  const accepted = {
    indexerConfig: { kvBlockIndexConfig: { enableMetrics: true, metricsLoggingInterval: 60000000000 } },
    kvEventsConfig: {
      zmqEndpoint: "tcp://0.0.0.0:5557",
      topicFilter: "kv@",
      concurrency: 8,
      engineType: "vllm",
      discoverPods: true,
      podDiscoveryConfig: { socketPort: 5556, replaySocketPort: 5559, podLabelSelector: "a=b" },
    },
  };
  const { parameters } = precisePrefixCacheProducer;
  expect(parameters.safeParse(accepted).success).toBe(true);
  expect(parameters.safeParse({ kvEventsConfig: { port: 1 } }).success).toBe(false);
  expect(parameters.safeParse({ speculativeTTL: "soon" }).success).toBe(false);
  const redis = { indexerConfig: { kvBlockIndexConfig: { redisConfig: {} } } };
  expect(() => producer(redis)).toThrow("redisConfig is not supported yet (use inMemoryConfig)");
});
