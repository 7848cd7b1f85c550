import { describe, expect, it } from "vitest";
import { allToAllTime } from "../../../src/engine/step-time/all-to-all.ts";
import { curveAt } from "../../../src/engine/step-time/decode-curve.ts";
import { drainedStageTimes, steadyStageTimes } from "../../../src/engine/step-time/pipeline.ts";
import { roofline, rooflineOptions } from "../../contract/step-time-models.ts";

const prompt = (newTokens: number, cached = 0) => ({
  count: 1,
  newTokens: Int32Array.of(newTokens),
  cachedTokens: Int32Array.of(cached),
  completing: 1,
});

describe("what data-parallel ranks share", () => {
  it("is the time of the experts for the tokens of all ranks", () => {
    const wide = roofline("h200", "deepseek-v3", 1, { dataParallel: 16, expertParallel: 16 });
    // The same experts on each of the sixteen, without data parallelism: the batch of one rank is that of all.
    const narrow = roofline("h200", "deepseek-v3", 16, { expertParallel: 16 });
    for (const tokens of [1, 8, 64, 1024]) {
      expect(wide.sharedUs!(tokens)).toBeCloseTo(narrow.sharedUs!(16 * tokens), 6);
      expect(wide.sharedUs!(tokens)).toBeGreaterThan(0);
      expect(wide.sharedUs!(tokens)).toBeLessThan(wide.mixedStepUs(0, 0, prompt(tokens)));
    }
    expect(roofline("h100", "llama-3.1-8b", 1, {}).sharedUs!(1024)).toBe(0);
  });
});

describe("pipeline parallelism", () => {
  it("wastes (p - 1) / (m + p - 1) of a drained pipeline", () => {
    for (const stages of [1, 2, 4, 7]) {
      for (const microbatches of [1, 2, 8, 30]) {
        const times = drainedStageTimes(microbatches, stages);
        expect(1 - microbatches / times).toBeCloseTo((stages - 1) / (microbatches + stages - 1), 12);
      }
    }
    // Kept full, with as many in flight as stages nothing is lost, with one all but one stage idle.
    expect([steadyStageTimes(4, 4), steadyStageTimes(1, 4), steadyStageTimes(9, 4)]).toEqual([4, 4, 9]);
  });

  it("has that bubble in a step with a prompt", () => {
    // Stages and microbatches so that every stage time is the same: the stage model of 80 / 4 layers and 1,024 tokens.
    const stepUs = (microbatches: number) =>
      roofline("h100", "llama-3.1-70b", 8, { pipelineParallel: 4, microbatches, stepOverheadUs: 0 }).mixedStepUs(0, 0, {
        ...prompt(1024 * microbatches),
        completing: microbatches,
      });
    // Sends over the network for 1,024 tokens: 3 x (10 us + 4 x 8192 x 1024 bytes at 50 GB/s).
    const sendsUs = 3 * (10 + (4 * 8192 * 1024) / 50_000);
    const stageUs = (stepUs(1) - sendsUs) / 4;
    // Beyond the bubble, later microbatches attend to more: at 8 the mean chunk has 3,584 cached tokens.
    const eight = (stepUs(8) - sendsUs) / (8 + 3);
    expect(eight / stageUs).toBeGreaterThan(1);
    expect(eight / stageUs).toBeLessThan(1.2);
  });

  it("gives each token after all stages, and more throughput than latency", () => {
    const one = roofline("h100", "llama-3.1-8b", 1, { stepOverheadUs: 0 });
    const four = roofline("h100", "llama-3.1-8b", 1, { pipelineParallel: 4, stepOverheadUs: 0 });
    const decode = (model: typeof one, seqs: number) => curveAt(model.decodeCurve(seqs), seqs * 1000);
    // A single sequence passes the same layers, and the head on each stage counted as on the last.
    expect(decode(four, 1) / decode(one, 1)).toBeGreaterThan(1);
    expect(decode(four, 1) / decode(one, 1)).toBeLessThan(1.5);
    expect(decode(four, 256) / decode(one, 256)).toBeLessThan(decode(four, 1) / decode(one, 1));
    // A prompt of 8,192 in four microbatches: near a quarter of the work in (4 + 3) / 4 of the time.
    const ratio = four.mixedStepUs(0, 0, prompt(8192)) / one.mixedStepUs(0, 0, prompt(8192));
    expect(ratio).toBeGreaterThan(7 / 16);
    expect(ratio).toBeLessThan(0.6);
  });
});

describe("expert parallelism", () => {
  const options = (layout: object) => ({ ...rooflineOptions("h200", "deepseek-ai/DeepSeek-V3", 1), ...layout });

  it("sends a token once to each rank that has one of its experts, by hand", () => {
    // 8 devices over NVLink, all with experts of their own: 8 (1 - (7/8)^8) = 5.251 copies of 7,168 numbers, FP8 there
    // and BF16 back, 7/8 of them to others, at 0.88 of 450 GB/s; 20 us each way.
    const copies = 8 * (1 - (7 / 8) ** 8);
    const us = allToAllTime(options({ dataParallel: 8, expertParallel: 8 }), 1)(128);
    expect(us).toBeCloseTo(40 + (128 * copies * 7168 * 3 * (7 / 8)) / (450_000 * 0.88), 6);
  });
  it("is bounded by the network beyond the link's domain", () => {
    // 64 devices in nodes of 8: 56/64 of the copies go over 50 GB/s.
    const copies = 64 * (1 - (63 / 64) ** 8);
    const us = allToAllTime(options({ dataParallel: 64, expertParallel: 64 }), 1)(128);
    expect(us).toBeCloseTo(40 + (128 * copies * 7168 * 3 * (56 / 64)) / (50_000 * 0.88), 6);
  });
  it("grows with the hottest rank's load, and is nothing within one data-parallel rank", () => {
    const even = allToAllTime(options({ dataParallel: 16, expertParallel: 16 }), 1)(100) - 40;
    const skewed = allToAllTime(options({ dataParallel: 16, expertParallel: 16, expertSkew: 1.5 }), 1)(100) - 40;
    expect(skewed / even).toBeCloseTo(1.5, 9);
    expect(allToAllTime(options({ tensorParallel: 8, expertParallel: 8 }), 1)(100)).toBe(0);
  });
  it("reads fewer experts' weights on each rank, with batches of all ranks to fill them", () => {
    const us = (layout: object) => {
      const model = roofline("h200", "deepseek-ai/DeepSeek-V3", 1, layout);
      return curveAt(model.decodeCurve(32), 32 * 2000);
    };
    expect(us({ dataParallel: 32, expertParallel: 32 })).toBeLessThan(us({ dataParallel: 8, expertParallel: 8 }));
    expect(us({ dataParallel: 32, expertParallel: 32, expertSkew: 2 })).toBeGreaterThan(
      us({ dataParallel: 32, expertParallel: 32 }),
    );
  });
});

describe("layouts that cannot be", () => {
  it.each([
    [{ pipelineParallel: 99 }, "pipelineParallel is 99, allowed: 1 to its 61 layers"],
    [{ expertParallel: 3 }, "expertParallel is 3, allowed: a divisor of tensorParallel x dataParallel = 8"],
    [{ expertSkew: 0.5 }, "expertSkew is 0.5, allowed: 1 (even)"],
    [{ dataParallel: 0 }, "dataParallel is 0, allowed: a whole number above 0"],
  ])("%j", (layout, message) => {
    expect(() => roofline("h200", "deepseek-ai/DeepSeek-V3", 8, layout)).toThrow(message);
  });
  it("experts where there are none", () => {
    expect(() => roofline("h100", "llama-3.1-8b", 2, { expertParallel: 2 })).toThrow("as the model has no experts");
  });
});

describe("formats", () => {
  const decodeMs = (accelerator: string, model: string, layout: object) =>
    curveAt(roofline(accelerator, model, 1, layout).decodeCurve(128), 128 * 4096) / 1000;
  it("an FP8 cache halves what decode attention reads", () => {
    const bfloat16 = decodeMs("h100", "llama-3.1-8b", { kvFormat: "bfloat16" });
    const fp8 = decodeMs("h100", "llama-3.1-8b", { kvFormat: "fp8" });
    // 128 sequences of 4,096 tokens of 131,072 bytes: 20.5 ms at full bandwidth.
    expect(bfloat16 - fp8).toBeGreaterThan(8);
    expect(bfloat16 - fp8).toBeLessThan(14);
  });
  it("FP4 weights are read small and computed in BF16 where the device has no FP4 peak", () => {
    const { model } = rooflineOptions("h100", "llama-3.1-70b", 1);
    const us = (accelerator: string, weightFormat: "bfloat16" | "nvfp4", tokens: number) =>
      roofline(accelerator, "llama-3.1-70b", 1, { model: { ...model, weightFormat } }).mixedStepUs(
        0,
        0,
        prompt(tokens),
      );
    expect(us("h100", "nvfp4", 1) / us("h100", "bfloat16", 1)).toBeLessThan(0.4);
    expect(us("h100", "nvfp4", 8192) / us("h100", "bfloat16", 8192)).toBeGreaterThan(0.95);
    expect(us("b200", "nvfp4", 8192) / us("b200", "bfloat16", 8192)).toBeLessThan(0.5);
  });
});
