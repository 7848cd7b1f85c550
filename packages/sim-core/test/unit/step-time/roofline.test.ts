import { describe, expect, it } from "vitest";
import { curveAt } from "../../../src/engine/step-time/decode-curve.ts";
import { createRooflineStepTime } from "../../../src/engine/step-time/roofline.ts";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";

function roofline(accelerator: string, model: string, tensorParallel: number, fp8 = false) {
  const architecture = modelNamed(model);
  return createRooflineStepTime({
    accelerator: acceleratorNamed(accelerator),
    model: fp8 ? { ...architecture, weightFormat: "fp8" } : architecture,
    tensorParallel,
    engineVersion: "vllm-0.19",
    maxNumBatchedTokens: 8192,
    maxModelLenTokens: 131_072,
  });
}

const prompt = (newTokens: number) => ({
  count: 1,
  newTokens: Int32Array.of(newTokens),
  cachedTokens: Int32Array.of(0),
  completing: 1,
});

describe("measured steps", () => {
  // Sums of measured kernels, ms, at 1k context; the step adds small kernels (0.3) and 1 ms of overhead.
  it.each([
    ["a100", [11.5, 11.9, 14.9, 17.0, 23.7, 43.3]],
    ["h100", [6.0, 6.1, 7.4, 9.3, 12.1, 19.6]],
    ["h200", [4.5, 4.7, 6.0, 7.2, 9.4, 14.6]],
    ["b200", [3.2, 3.1, 3.8, 4.5, 5.9, 8.8]],
  ])("Llama-3.1-8B decodes on %s within 8 %% of the sum of kernels", (accelerator, sumsMs) => {
    const model = roofline(accelerator, "llama-3.1-8b", 1);
    [1, 8, 32, 64, 128, 256].forEach((seqs, i) => {
      const ms = curveAt(model.decodeCurve(seqs), seqs * 1024) / 1000 - 1.33 - seqs * 0.0018;
      expect(Math.abs(ms / sumsMs[i]! - 1), `${seqs} sequences: ${ms} ms`).toBeLessThan(0.08);
    });
  });

  it.each([
    ["h100", 4, [11.8, 12.1, 13.2, 16.5, 19.5]],
    ["h100", 8, [9.1, 9.4, 11.4, 12.6, 15.5]],
  ])("Llama-3.1-70B FP8 on %s TP%i meets measured time per output token within 10 %%", (id, tensorParallel, tpotMs) => {
    const model = roofline(id, "llama-3.1-70b", tensorParallel, true);
    [4, 8, 16, 32, 64].forEach((seqs, i) => {
      const decodeUs = curveAt(model.decodeCurve(seqs), seqs * 1536);
      // In a closed loop at 1024/1024 each other request's prefill stretches one of an answer's 1023 steps.
      const mixedUs = model.mixedStepUs(seqs - 1, (seqs - 1) * 1536, prompt(1024));
      const ms = (decodeUs + ((seqs - 1) * (mixedUs - decodeUs)) / 1023) / 1000;
      expect(Math.abs(ms / tpotMs[i]! - 1), `${seqs} sequences: ${ms} ms`).toBeLessThan(0.1);
    });
  });

  it("Llama-3.1-8B on RTX PRO 6000, 128 sequences of 1,060: between 25.7 and 27.5 ms", () => {
    const ms = curveAt(roofline("rtx-pro-6000-server", "llama-3.1-8b", 1).decodeCurve(128), 128 * 1060) / 1000;
    expect(ms).toBeGreaterThan(25.7);
    expect(ms).toBeLessThan(27.5);
  });
});

describe("shape", () => {
  it("runs one linear layer over prefill and decode tokens together", () => {
    const model = roofline("h100", "llama-3.1-8b", 1);
    const alone = model.mixedStepUs(0, 0, prompt(512));
    const decodeUs = curveAt(model.decodeCurve(64), 64 * 1024);
    const together = model.mixedStepUs(64, 64 * 1024, prompt(512));
    expect(together).toBeGreaterThan(alone);
    expect(together).toBeLessThan(0.85 * (alone + decodeUs));
  });
  it("reads more experts for more tokens", () => {
    const model = roofline("h100", "Qwen/Qwen3-30B-A3B", 1);
    const one = curveAt(model.decodeCurve(1), 1024);
    const many = curveAt(model.decodeCurve(64), 64 * 1024);
    expect(many).toBeGreaterThan(1.8 * one);
  });
  it.each([
    [128, 2],
    [254, 2],
    [256, 4],
    [508, 4],
    [4096, 64],
    [(1 << 20) - (1 << 13), 1 << 13],
  ])("goes straight from %i tokens to %i more, in whichever order they are asked for", (from, spacing) => {
    // No token is sampled, so that all that varies follows the prompt's tokens.
    const chunk = (tokens: number) => ({ ...prompt(tokens), completing: 0 });
    const [between, ends] = [roofline("h100", "llama-3.1-8b", 1), roofline("h100", "llama-3.1-8b", 1)];
    const half = between.mixedStepUs(0, 0, chunk(from + spacing / 2));
    const chord = (ends.mixedStepUs(0, 0, chunk(from + spacing)) + ends.mixedStepUs(0, 0, chunk(from))) / 2;
    expect(Math.abs(half / chord - 1)).toBeLessThan(1e-12);
    expect(between.mixedStepUs(0, 0, chunk(from))).toBe(ends.mixedStepUs(0, 0, chunk(from)));
  });

  it("takes steps beyond 2^20 tokens in proportion", () => {
    const model = roofline("h100", "llama-3.1-8b", 1);
    const overheadUs = 2 * model.mixedStepUs(0, 0, prompt(1 << 21)) - model.mixedStepUs(0, 0, prompt(1 << 22));
    const perTokenUs = (model.mixedStepUs(0, 0, prompt(1 << 20)) - overheadUs) / (1 << 20);
    const stepUs = model.mixedStepUs(0, 0, prompt((1 << 20) + 1000));
    expect(Math.abs(stepUs / (overheadUs + perTokenUs * ((1 << 20) + 1000)) - 1)).toBeLessThan(1e-9);
  });

  it("refuses heads that do not divide", () => {
    expect(() => roofline("h100", "llama-3.1-8b", 3)).toThrow(
      "meta-llama/Llama-3.1-8B: tensorParallel is 3, allowed: a divisor of its 32 attention heads",
    );
  });
});
