import { describe, expect, it } from "vitest";
import { curveAt } from "../../../src/engine/step-time/decode-curve.ts";
import { createSpeculativeStepTime, draftModel, tokensPerStep } from "../../../src/engine/step-time/speculative.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { roofline, rooflineOptions } from "../../contract/step-time-models.ts";

const llama = rooflineOptions("h100", "llama-3.1-8b", 1);
const decode = (model: ReturnType<typeof roofline>, seqs: number) => curveAt(model.decodeCurve(seqs), seqs * 1000);
const prompt = { count: 1, newTokens: Int32Array.of(2048), cachedTokens: Int32Array.of(0), completing: 1 };

describe("tokens a step", () => {
  it("are (1 - a^(k+1)) / (1 - a)", () => {
    for (const [rate, drafts] of [
      [0.8, 1],
      [0.7, 3],
      [0.95, 5],
      [0.1, 8],
    ] as const) {
      expect(tokensPerStep(rate, drafts)).toBeCloseTo((1 - rate ** (drafts + 1)) / (1 - rate), 12);
    }
    expect([tokensPerStep(1, 4), tokensPerStep(0, 4), tokensPerStep(0.5, 2)]).toEqual([5, 1, 1.75]);
  });

  it("are those of drafts drawn one by one", () => {
    let state = 12_345;
    const draw = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    let tokens = 0;
    const steps = 200_000;
    for (let step = 0; step < steps; step++) {
      tokens++;
      for (let draft = 0; draft < 3 && draw() < 0.7; draft++) tokens++;
    }
    // Standard error 0.0026.
    expect(Math.abs(tokens / steps - tokensPerStep(0.7, 3))).toBeLessThan(0.011);
  });
});

describe("a step that speculates", () => {
  const eagle = (perStep: number) =>
    createSpeculativeStepTime(llama, { method: "eagle", draftTokens: 3, tokensPerStep: perStep });

  it("takes the verifying step and the drafts, shared by the tokens that it gives", () => {
    const verify = roofline("h100", "llama-3.1-8b", 1, { draftTokens: 3 });
    const model = draftModel(llama.model, "eagle");
    const draft = roofline("h100", "llama-3.1-8b", 1, { model, stepOverheadUs: 0 });
    const realUs = decode(verify, 8) + 3 * (100 + decode(draft, 8));
    expect(decode(eagle(2.5), 8)).toBeCloseTo(realUs / 2.5, 6);
    expect(decode(eagle(1), 8)).toBeCloseTo(realUs, 6);
  });

  it("costs little more than a plain step at a small batch, and much at a large one", () => {
    const plain = roofline("h100", "llama-3.1-8b", 1);
    const ngram = createSpeculativeStepTime(llama, { method: "ngram", draftTokens: 3, tokensPerStep: 1 });
    expect(decode(ngram, 2) / decode(plain, 2)).toBeLessThan(1.1);
    expect(decode(ngram, 512) / decode(plain, 512)).toBeGreaterThan(1.5);
  });

  it("adds a prompt's own time to the share of the decoding sequences", () => {
    const model = eagle(2.5);
    const real = eagle(1);
    const shareUs = decode(model, 16);
    const stepUs = real.mixedStepUs(16, 16_000, prompt);
    expect(model.mixedStepUs(16, 16_000, prompt)).toBeCloseTo(stepUs - 1.5 * shareUs, 6);
    // One mixed step and the decode steps after it: E tokens each take E steps of the model's.
    expect(model.mixedStepUs(16, 16_000, prompt) + 1.5 * shareUs).toBeCloseTo(stepUs, 6);
    expect(model.mixedStepUs(0, 0, prompt)).toBeCloseTo(real.mixedStepUs(0, 0, prompt), 9);
  });

  it("refuses more tokens than it verifies", () => {
    expect(() => eagle(4.5)).toThrow("speculative: 4.5 tokens a step, allowed: 1 to draftTokens + 1 = 4");
  });

  it("drafts with one layer of the model's own, or a dense one", () => {
    const deepseek = modelNamed("deepseek-ai/DeepSeek-V3");
    expect(draftModel(deepseek, "mtp")).toMatchObject({ layers: 1, moe: { layers: 1, experts: 256 }, dense: [] });
    const eagleLayer = draftModel(deepseek, "eagle");
    expect([eagleLayer.moe, eagleLayer.dense[0]?.layers]).toEqual([undefined, 1]);
  });
});
