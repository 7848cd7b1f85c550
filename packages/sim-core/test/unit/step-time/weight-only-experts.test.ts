import { describe, expect, it } from "vitest";
import { devicePeaks } from "../../../src/engine/step-time/device.ts";
import { routedExperts } from "../../../src/engine/step-time/routed-experts.ts";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { efficiencyOf } from "../../../src/hardware/efficiency/efficiency-of.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";

function layerUs(accelerator: string, tensorParallel: number, tokens: number): number {
  const options = {
    accelerator: acceleratorNamed(accelerator),
    model: modelNamed("openai/gpt-oss-120b"),
    tensorParallel,
    engineVersion: "vllm-0.19",
    maxNumBatchedTokens: 8192,
    maxModelLenTokens: 131_072,
  };
  return routedExperts(options, devicePeaks(options.accelerator)).computeUs(tokens);
}

/** vLLM 0.24's Triton kernel, gpt-oss-120b, a layer's 128 experts: milliseconds in aiconfigurator's `moe_perf` tables. */
const MEASURED = [
  ["h100-sxm", 1, { 1024: 1.311, 2048: 1.689, 4096: 2.461, 8192: 3.968 }],
  ["h100-sxm", 2, { 1024: 0.734, 2048: 0.948, 4096: 1.393, 8192: 2.174 }],
  ["h200-sxm", 1, { 1024: 1.34, 2048: 1.675, 4096: 2.439, 8192: 3.942 }],
  ["h200-sxm", 4, { 1024: 0.415, 2048: 0.524, 4096: 0.77, 8192: 1.191 }],
] as const;

describe("experts in MXFP4 on Hopper", () => {
  it.each(MEASURED)("take as long for a prompt's tokens as measured on %s, TP%i", (accelerator, tp, measured) => {
    for (const [tokens, ms] of Object.entries(measured)) {
      const found = layerUs(accelerator, tp, Number(tokens)) / 1000 / ms;
      expect(found, `${tokens} tokens`).toBeGreaterThan(0.9);
      expect(found, `${tokens} tokens`).toBeLessThan(1.1);
    }
  });

  it("have BF16's efficiency where they touch a part of the experts", () => {
    for (const accelerator of ["h100-sxm", "h200-sxm"]) {
      const { bfloat16, mxfp4 } = efficiencyOf(acceleratorNamed(accelerator)).efficiencies.experts!;
      // Six of the fifteen knots: up to two tokens an expert.
      const below = (6 * bfloat16!.length) / 15;
      expect(mxfp4!.slice(0, below)).toEqual(bfloat16!.slice(0, below));
      expect(mxfp4!.slice(below)).not.toEqual(bfloat16!.slice(below));
    }
  });

  it("are as fast as BF16's elsewhere", () => {
    expect(efficiencyOf(acceleratorNamed("b200-sxm")).efficiencies.experts).not.toHaveProperty("mxfp4");
  });
});
