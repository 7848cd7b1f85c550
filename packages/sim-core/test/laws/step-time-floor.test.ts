import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { curveAt } from "../../src/engine/step-time/decode-curve.ts";
import { ACCELERATORS } from "../../src/hardware/catalogue.ts";
import { roofline } from "../contract/step-time-models.ts";

const MODELS: [string, number][] = [
  ["llama-3.1-8b", 1],
  ["llama-3.1-70b", 8],
  ["Qwen/Qwen3-30B-A3B", 2],
  ["deepseek-ai/DeepSeek-V3", 8],
  ["Qwen/Qwen2.5-7B-Instruct", 4],
  ["deepseek-ai/DeepSeek-V2-Lite", 1],
  ["openai/gpt-oss-120b", 2],
  ["Qwen/Qwen3.5-35B-A3B", 2],
  ["deepseek-ai/DeepSeek-V3.2", 8],
  ["deepseek-ai/DeepSeek-V4-Flash", 8],
  ["deepseek-ai/DeepSeek-V4-Pro", 16],
  ["nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 1],
];

const batch = fc.record({
  seqs: fc.integer({ min: 0, max: 1024 }),
  context: fc.integer({ min: 1, max: 200_000 }),
  fresh: fc.array(fc.integer({ min: 1, max: 16_384 }), { minLength: 0, maxLength: 5 }),
  cached: fc.integer({ min: 0, max: 130_000 }),
});

describe("law: no step beats the hardware's peak", () => {
  it.each(ACCELERATORS.map(({ id }) => id))("%s", (id) => {
    for (const [name, tensorParallel] of MODELS) {
      const model = roofline(id, name, tensorParallel);
      fc.assert(
        fc.property(batch, ({ seqs, context, fresh, cached }) => {
          if (seqs + fresh.length === 0) return;
          const cachedTokens = Int32Array.from(fresh, (_, i) => (i % 2 === 0 ? cached : 0));
          const chunks = {
            count: fresh.length,
            newTokens: Int32Array.from(fresh),
            cachedTokens,
            completing: fresh.length,
          };
          const floorUs = model.floorUs(seqs, seqs * context, chunks);
          expect(floorUs).toBeGreaterThan(0);
          expect(model.mixedStepUs(seqs, seqs * context, chunks)).toBeGreaterThanOrEqual(floorUs);
          if (fresh.length === 0)
            expect(curveAt(model.decodeCurve(seqs), seqs * context)).toBeGreaterThanOrEqual(floorUs);
        }),
        { numRuns: 60 },
      );
    }
  });
});
