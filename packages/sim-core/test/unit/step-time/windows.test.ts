import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { curveAt } from "../../../src/engine/step-time/decode-curve.ts";
import { roofline } from "../../contract/step-time-models.ts";

const gptOss = roofline("h100", "openai/gpt-oss-120b", 2);

describe("layers with a window, in a decode batch", () => {
  it("cost no more once the window is full, and the full layers go on", () => {
    const scout = roofline("h100", "meta-llama/Llama-4-Scout-17B-16E-Instruct", 8);
    const perToken = (model: typeof scout, from: number, to: number) =>
      (curveAt(model.decodeCurve(64), 64 * to) - curveAt(model.decodeCurve(64), 64 * from)) / (to - from);
    // 48 layers read more up to the chunk of 8,192, 12 beyond.
    const within = perToken(scout, 4096, 8192);
    const beyond = perToken(scout, 8192, 16_384);
    expect(beyond / within).toBeGreaterThan(0.2);
    expect(beyond / within).toBeLessThan(0.3);
  });

  it("bends where the window is full: a knot stands there", () => {
    expect([...gptOss.decodeCurve(3).contextTokens]).toContain(3 * 128);
    expect([...roofline("h100", "google/gemma-4-26B-A4B", 1).decodeCurve(1).contextTokens]).toContain(1024);
  });

  it("are never too fast for unequal contexts, and too slow by the share of sequences below the window at most", () => {
    const span = 1024;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 60 }), (contexts) => {
        const read = contexts.reduce((sum, context) => sum + Math.min(context, span), 0);
        const mean = contexts.reduce((sum, context) => sum + context, 0) / contexts.length;
        const counted = contexts.length * Math.min(mean, span);
        const short = contexts.filter((context) => context < span).length;
        expect(counted).toBeGreaterThanOrEqual(read - 1e-6);
        expect(counted - read).toBeLessThanOrEqual(short * span + 1e-6);
        if (short === 0 || mean === Math.max(...contexts)) expect(counted).toBeCloseTo(read, 6);
      }),
    );
  });

  it("keep a mixed batch of real lengths within 5 % of the sum over its sequences", () => {
    // Half the sequences at 500 tokens, half at 3,000; a layer's window is 1,024, its own time that of equal contexts.
    const model = roofline("h100", "google/gemma-4-26B-A4B", 1);
    const uniform = (seqs: number, context: number) => curveAt(model.decodeCurve(seqs), seqs * context);
    const together = uniform(64, 1750);
    const base = uniform(64, 0);
    const apart = base + (uniform(64, 500) - base + uniform(64, 3000) - base) / 2;
    expect(together).toBeGreaterThanOrEqual(apart * 0.99);
    expect(together / apart - 1).toBeLessThan(0.05);
  });
});

const chunk = (fresh: number, cached: number) => ({
  count: 1,
  newTokens: Int32Array.of(fresh),
  cachedTokens: Int32Array.of(cached),
  completing: 0,
});

describe("a prompt's chunk", () => {
  it("costs hardly more after a long prefix where most layers keep a window or a state", () => {
    const growth = (model: ReturnType<typeof roofline>) =>
      model.mixedStepUs(0, 0, chunk(2048, 65_536)) / model.mixedStepUs(0, 0, chunk(2048, 0));
    const full = growth(roofline("h100", "llama-3.1-8b", 1));
    const state = growth(roofline("h100", "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 1));
    const window = growth(roofline("h100", "google/gemma-4-26B-A4B", 1));
    expect(full).toBeGreaterThan(3.5);
    expect(state).toBeLessThan(full / 2);
    expect(window).toBeLessThan(full / 1.4);
  });

  it("of a sparse layer attends to its selection: after 100,000 tokens it costs less than dense attention", () => {
    const sparse = roofline("h200", "deepseek-ai/DeepSeek-V3.2", 8);
    const dense = roofline("h200", "deepseek-ai/DeepSeek-V3", 8);
    expect(sparse.mixedStepUs(0, 0, chunk(4096, 100_000))).toBeLessThan(
      0.7 * dense.mixedStepUs(0, 0, chunk(4096, 100_000)),
    );
    const decode = (model: typeof sparse, context: number) => curveAt(model.decodeCurve(32), 32 * context);
    expect(decode(sparse, 100_000) - decode(sparse, 2048)).toBeLessThan(
      0.5 * (decode(dense, 100_000) - decode(dense, 2048)),
    );
  });
});

describe("layers with a state", () => {
  it("read and write it once for each sequence of a decode batch, whatever its context", () => {
    const model = roofline("h100", "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 1, { stepOverheadUs: 0 });
    // Only 6 of 52 layers attend: from 1k to 2k of context, 64 sequences read 6,144 bytes a token more.
    const moreUs = curveAt(model.decodeCurve(64), 64 * 2048) - curveAt(model.decodeCurve(64), 64 * 1024);
    const idealUs = (64 * 1024 * 6144) / 3.35e6;
    expect(moreUs).toBeGreaterThan(idealUs);
    expect(moreUs).toBeLessThan(2.5 * idealUs);
  });
});
