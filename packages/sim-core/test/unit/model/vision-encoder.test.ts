import { describe, expect, it } from "vitest";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { embeddingBytesPerToken, visionEncoderOf, visionParameters } from "../../../src/model/vision-encoder.ts";

const vision = (config: object) => visionEncoderOf("model", { vision_config: config });
const LAYERS = {
  num_hidden_layers: 2,
  hidden_size: 64,
  num_attention_heads: 4,
  intermediate_size: 256,
  patch_size: 14,
};

describe("what encodes images", () => {
  it("is read from Qwen3-VL's config, deep-stack layers included", () => {
    const model = modelNamed("Qwen3-VL-8B");
    expect(model.vision).toEqual({
      layers: 27,
      hiddenSize: 1152,
      heads: 16,
      intermediateSize: 4304,
      patchSize: 16,
      patchesPerToken: 4,
      projectors: 4,
    });
    // 27 x (4 x 1152^2 + 2 x 1152 x 4304), 3 x 16^2 x 1152 for patches, 4 x 4608 x (4608 + 4096) for projectors.
    expect(visionParameters(model.vision!, model.hiddenSize)).toBe(411_070_464 + 884_736 + 160_432_128);
    // Four times 4096 numbers of two bytes.
    expect(embeddingBytesPerToken(model)).toBe(32_768);
  });

  it.each([
    ["Qwen merges squares of 2", { spatial_merge_size: 2 }, 4],
    ["Gemma pools squares of 3", { pooling_kernel_size: 3 }, 9],
    ["Kimi merges a kernel", { merge_kernel_size: [2, 2] }, 4],
    ["Llama 4 shuffles pixels", { pixel_shuffle_ratio: 0.5 }, 4],
    ["LLaVA keeps each patch", {}, 1],
  ])("%s", (_name, more, patches) => {
    expect(vision({ ...LAYERS, ...more })).toMatchObject({ patchesPerToken: patches, projectors: 1 });
  });

  it("has Kimi's names", () => {
    const names = { vt_num_hidden_layers: 27, vt_hidden_size: 1152, vt_num_attention_heads: 16 };
    expect(vision({ ...names, vt_intermediate_size: 4304, patch_size: 14 })).toMatchObject({ layers: 27, heads: 16 });
  });

  it("is nothing where the config does not tell", () => {
    expect(visionEncoderOf("model", {})).toBeUndefined();
    expect(vision({ ...LAYERS, hidden_size: undefined })).toBeUndefined();
    expect(embeddingBytesPerToken(modelNamed("Llama-3.1-8B"))).toBe(8_192);
  });
});
