import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allReduceTime } from "../../../src/engine/step-time/collectives.ts";
import { linearFormat } from "../../../src/engine/step-time/device.ts";
import * as ideal from "../../../src/engine/step-time/ideal.ts";
import { attentionWidths } from "../../../src/engine/step-time/linear-layers.ts";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";

/** One FLOP and one byte each microsecond, FP8 twice the FLOPs. */
const unit = { bfloat16FlopsPerUs: 1, fp8FlopsPerUs: 2, fp4FlopsPerUs: undefined, bytesPerUs: 1 };

describe("roofline of each operator, by hand", () => {
  it("linear layer", () => {
    // 2 * 3 * 4 * 5 FLOPs against 4 * 5 weights, 3 * 5 inputs, 3 * 4 outputs of two bytes.
    const fast = { ...unit, bfloat16FlopsPerUs: 1000 };
    expect(ideal.gemmIdealUs(unit, linearFormat(unit, "bfloat16"), 3, 4, 5)).toBe(120);
    expect(ideal.gemmIdealUs(fast, linearFormat(fast, "bfloat16"), 3, 4, 5)).toBe(94);
    expect(ideal.gemmIdealUs(unit, linearFormat(unit, "fp8"), 3, 4, 5)).toBe(60);
  });
  it("stores a format without a peak small and computes it in BF16", () => {
    expect(linearFormat(unit, "nvfp4")).toMatchObject({ compute: "bfloat16", flopsPerUs: 1, weightBytes: 0.5625 });
  });
  it("prefill attention of a chunk: the prefix and itself", () => {
    // Three new tokens after ten: 11 + 12 + 13 pairs; 4 FLOPs for each of 2 heads of 8.
    expect(ideal.attendedPairs(3, 10)).toBe(36);
    expect(ideal.prefillAttentionIdealUs(unit, { heads: 2, kvHeads: 1, headDim: 8 }, 3, 10, 36)).toBe(4 * 2 * 8 * 36);
  });
  it("decode attention reads keys and values once for a group of heads", () => {
    const fast = { ...unit, bfloat16FlopsPerUs: 1000 };
    expect(ideal.decodeAttentionIdealUs(fast, { heads: 8, kvHeads: 2, headDim: 16 }, 100, 2)).toBe(
      2 * 2 * 16 * 2 * 100,
    );
  });
  it("latent attention reads the latent once for all heads", () => {
    const mla = { queryRank: 0, kvRank: 512, ropeHeadDim: 64, nopeHeadDim: 128, valueHeadDim: 128 };
    const fast = { ...unit, bfloat16FlopsPerUs: 1e9 };
    expect(ideal.latentDecodeIdealUs(fast, 16, mla, 10, 2)).toBe(576 * 2 * 10);
    expect(ideal.latentDecodeIdealUs(unit, 16, mla, 10, 2)).toBe(2 * 16 * 1088 * 10);
    expect(ideal.latentPrefillIdealUs(unit, 16, mla, 36)).toBe(2 * 16 * 320 * 36);
  });
  it("windows and chunks count the pairs that a loop counts", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 25 }),
        (fresh, cached, span) => {
          let windowed = 0;
          let chunked = 0;
          for (let position = cached + 1; position <= cached + fresh; position++) {
            windowed += Math.min(position, span);
            chunked += ((position - 1) % span) + 1;
          }
          expect(ideal.pairsInWindow(fresh, cached, span)).toBe(windowed);
          expect(ideal.pairsInChunks(fresh, cached, span)).toBe(chunked);
        },
      ),
    );
  });
  it("experts touched grow with the batch until all are", () => {
    expect(ideal.touchedExperts(128, 8, 1)).toBeCloseTo(8, 9);
    // Two tokens: 128 * (1 - (120/128)^2) = 15.5.
    expect(ideal.touchedExperts(128, 8, 2)).toBeCloseTo(15.5, 9);
    expect(ideal.touchedExperts(128, 8, 10_000)).toBeCloseTo(128, 9);
    expect(ideal.touchedExperts(4, 4, 1)).toBe(4);
  });
});

describe("widths on one device", () => {
  it("shares heads, and replicates KV heads that are too few", () => {
    const llama = modelNamed("llama-3.1-70b");
    expect(attentionWidths(llama.attention[0]!, 8192, 8)).toEqual([
      [(8 + 2) * 128, 8192],
      [8192, 1024],
    ]);
    expect(attentionWidths(llama.attention[0]!, 8192, 16)[0]).toEqual([(4 + 2) * 128, 8192]);
  });
  it("keeps a latent's down-projections whole", () => {
    expect(attentionWidths(modelNamed("deepseek-ai/DeepSeek-V3").attention[0]!, 7168, 8)).toEqual([
      [1536 + 576, 7168],
      [16 * 192, 1536],
      [16 * 256, 512],
      [7168, 16 * 128],
    ]);
  });
});

describe("all-reduce", () => {
  it("follows the measured table", () => {
    const h100 = allReduceTime(acceleratorNamed("h100"), 8);
    // vLLM's kernel under a graph on 8 H100: 5.3 us at 8k elements, 19.4 at 1M, 577 at 64M.
    expect(h100(8192)).toBeCloseTo(5.3, 0);
    expect(Math.abs(h100(2 ** 20) / 19.4 - 1)).toBeLessThan(0.05);
    expect(Math.abs(h100(2 ** 26) / 577 - 1)).toBeLessThan(0.05);
    const l40s = acceleratorNamed("l40s");
    expect(Math.abs(allReduceTime(l40s, 8)(2 ** 20) / 2080 - 1)).toBeLessThan(0.05);
    expect(allReduceTime(l40s, 1)(2 ** 20)).toBe(0);
  });
  it("is a ring where nothing was measured", () => {
    // 10 us and 2 * 3/4 of 2 MiB at 448 GB/s.
    expect(allReduceTime(acceleratorNamed("mi300x"), 4)(2 ** 20)).toBeCloseTo(10 + (1.5 * 2 ** 21) / 448_000, 9);
  });
});
