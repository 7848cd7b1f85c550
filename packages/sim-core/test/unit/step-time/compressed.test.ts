import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attentionSpan, spanBends } from "../../../src/engine/step-time/attention-span.ts";
import { curveAt } from "../../../src/engine/step-time/decode-curve.ts";
import { pairsWithRows } from "../../../src/engine/step-time/ideal.ts";
import { attentionWidths, plainAttentionWidths } from "../../../src/engine/step-time/linear-layers.ts";
import type { AttentionLayers } from "../../../src/model/architecture.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { countParameters } from "../../../src/model/parameters.ts";
import { roofline } from "../../contract/step-time-models.ts";

const pro = modelNamed("deepseek-ai/DeepSeek-V4-Pro");
const flash = modelNamed("deepseek-ai/DeepSeek-V4-Flash");
const [window, picked, all] = flash.attention as [AttentionLayers, AttentionLayers, AttentionLayers];
const million = 1 << 20;

describe("pairs of tokens and rows", () => {
  it("are the rows that are complete with each token, at most so many", () => {
    // Tokens 6 to 13 of rows of 4: 1 1 2 2 2 2 3 3, of which at most 2 each.
    expect(pairsWithRows(8, 5, 4, Infinity)).toBe(16);
    expect(pairsWithRows(8, 5, 4, 2)).toBe(14);
    const size = fc.integer({ min: 1, max: 300 });
    fc.assert(
      fc.property(
        size,
        fc.integer({ min: 0, max: 300 }),
        fc.constantFrom(1, 4, 128),
        size,
        (fresh, cached, row, most) => {
          let sum = 0;
          for (let t = cached + 1; t <= cached + fresh; t++) sum += Math.min(Math.floor(t / row), most);
          expect(pairsWithRows(fresh, cached, row, most)).toBe(sum);
        },
      ),
    );
  });
});

describe("what a decoding sequence attends to", () => {
  it("is its window, and the rows of it all or those that are picked", () => {
    const at = (layer: AttentionLayers, context: number) => attentionSpan(layer).context(context);
    expect([window, picked, all].map((layer) => at(layer, million))).toEqual([128, 128 + 512, 128 + 8192]);
    expect([window, picked, all].map((layer) => at(layer, 1024))).toEqual([128, 128 + 256, 128 + 8]);
    expect([window, picked, all].map(spanBends)).toEqual([[128], [128, 2048], [128, Infinity]]);
  });
  it("makes a token at a million tokens cost a quarter of DeepSeek-V3.2's operations", () => {
    // Two for each active weight; 4 x 512 for each head and token attended to; 2 x 128 for each index head and key.
    const core = (30 * (1024 + 128) + 31 * (8192 + 128)) * 128 * 4 * 512;
    const operations = 2 * countParameters(pro).activePerToken + core + (30 * 64 * 2 * 128 * million) / 4;
    const before = countParameters(modelNamed("deepseek-ai/DeepSeek-V3.2"));
    const sparse = 61 * (2048 * 128 * 2 * (2 * 512 + 64) + 64 * 2 * 128 * million);
    const attended = pro.attention.map((layer) => attentionSpan(layer).context(million) * layer.layers);
    expect(attended).toEqual([31 * (8192 + 128), 30 * (1024 + 128)]);
    // The vendor says 27 %.
    expect(operations / (2 * before.activePerToken + sparse)).toBeCloseTo(0.262, 2);
  });
});

describe("projections over a shared latent", () => {
  it("are as many weights on one device as the model has", () => {
    const sum = (widths: readonly (readonly [number, number])[]) => widths.reduce((all, [n, k]) => all + n * k, 0);
    const linear = pro.attention.map((layer) => layer.layers * sum(attentionWidths(layer, pro.hiddenSize, 1)));
    expect(linear.reduce((all, one) => all + one, 0)).toBe(countParameters(pro).attention);
    expect(plainAttentionWidths(picked, 4096)).toEqual([[2 * 2 * (512 + 128) + 64, 4096]]);
    expect([window, all].map((layer) => plainAttentionWidths(layer, 4096))).toEqual([[], [[2 * 512, 4096]]]);
  });
  it("halve with tensor parallelism but for what every device does for all heads", () => {
    expect(attentionWidths(picked, 4096, 8)).toEqual([
      [1024 + 512, 4096],
      [8 * 512, 1024],
      [64 * 128, 1024],
      [1024, 8 * 512],
      [4096, 1024],
    ]);
  });
  it("are cut no finer than their groups of outputs", () => {
    expect(() => roofline("h200", "deepseek-ai/DeepSeek-V4-Flash", 16)).toThrow(
      "deepseek-ai/DeepSeek-V4-Flash: tensorParallel is 16, allowed: a divisor of its 8 groups of output projections",
    );
  });
});

describe("step times", () => {
  const layout = { kvFormat: "fp8", maxModelLenTokens: million } as const;
  const before = roofline("b200", "deepseek-ai/DeepSeek-V3.2", 8, layout);
  const now = roofline("b200", "deepseek-ai/DeepSeek-V4-Pro", 8, layout);
  const growth = (model: typeof now, from: number, to: number) =>
    curveAt(model.decodeCurve(32), 32 * to) - curveAt(model.decodeCurve(32), 32 * from);
  it("grow with the context a quarter as fast as DeepSeek-V3.2's, and less", () => {
    expect(growth(now, 131_072, million)).toBeGreaterThan(0);
    expect(growth(now, 131_072, million)).toBeLessThan(growth(before, 131_072, million) / 4);
  });
  it("of a layer that drafts know no context beyond its window", () => {
    const model = roofline("b200", "deepseek-ai/DeepSeek-V4-Flash", 8, {
      ...layout,
      model: { ...flash, attention: [window] },
    });
    expect(growth(model, 128, million)).toBe(0);
  });
});
