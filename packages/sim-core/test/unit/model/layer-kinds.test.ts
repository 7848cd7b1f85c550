import { describe, expect, it } from "vitest";
import { importHuggingFaceConfig } from "../../../src/model/import-config.ts";
import {
  hasUnlikeCaches,
  kvBytesPerTokenPerGpu,
  sequenceBytesPerGpu,
  stateBytesPerSequencePerGpu,
} from "../../../src/model/kv-cache-size.ts";
import { countParameters } from "../../../src/model/parameters.ts";

const common = { vocab_size: 1000, max_position_embeddings: 262_144 };

const qwen = {
  ...common,
  model_type: "qwen3_next",
  num_hidden_layers: 48,
  hidden_size: 3072,
  num_attention_heads: 32,
  num_key_value_heads: 2,
  head_dim: 256,
  full_attention_interval: 4,
  linear_num_key_heads: 16,
  linear_num_value_heads: 64,
  linear_key_head_dim: 128,
  linear_value_head_dim: 128,
  linear_conv_kernel_dim: 4,
  mamba_ssm_dtype: "float32",
  num_experts: 256,
  num_experts_per_tok: 8,
  moe_intermediate_size: 1024,
  shared_expert_intermediate_size: 1024,
};

const gptOss = {
  ...common,
  model_type: "gpt_oss",
  num_hidden_layers: 36,
  hidden_size: 2880,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  head_dim: 64,
  sliding_window: 128,
  num_local_experts: 128,
  num_experts_per_tok: 4,
  intermediate_size: 2880,
};

const llama4 = {
  model_type: "llama4",
  text_config: {
    ...common,
    model_type: "llama4_text",
    num_hidden_layers: 48,
    hidden_size: 5120,
    num_attention_heads: 40,
    num_key_value_heads: 8,
    head_dim: 128,
    attention_chunk_size: 8192,
    intermediate_size: 8192,
    intermediate_size_mlp: 16384,
    interleave_moe_layer_step: 2,
    num_local_experts: 128,
    num_experts_per_tok: 1,
  },
};

const deepseek = {
  ...common,
  model_type: "deepseek_v32",
  num_hidden_layers: 61,
  hidden_size: 7168,
  num_attention_heads: 128,
  kv_lora_rank: 512,
  q_lora_rank: 1536,
  qk_rope_head_dim: 64,
  qk_nope_head_dim: 128,
  v_head_dim: 128,
  index_n_heads: 64,
  index_head_dim: 128,
  index_topk: 2048,
  first_k_dense_replace: 3,
  intermediate_size: 18432,
  moe_intermediate_size: 2048,
  n_routed_experts: 256,
  n_shared_experts: 1,
  num_experts_per_tok: 8,
};

const nemotron = {
  ...common,
  model_type: "nemotron_h",
  hybrid_override_pattern: "MEMEM*E-",
  hidden_size: 2688,
  num_attention_heads: 32,
  num_key_value_heads: 2,
  head_dim: 128,
  intermediate_size: 1856,
  mamba_num_heads: 64,
  mamba_head_dim: 64,
  ssm_state_size: 128,
  n_groups: 8,
  conv_kernel: 4,
  mamba_ssm_cache_dtype: "float32",
  n_routed_experts: 128,
  num_experts_per_tok: 6,
  moe_intermediate_size: 1856,
  moe_shared_expert_intermediate_size: 3712,
};

const groups = (config: object) =>
  importHuggingFaceConfig("m", config as never).attention.map(({ kind, layers }) => [kind, layers]);

describe("KV bytes of a token, by hand", () => {
  it("a quarter of full attention between linear layers (Qwen3.5-122B)", () => {
    const model = importHuggingFaceConfig("m", qwen);
    expect(groups(qwen)).toEqual([["full", 12]]);
    // 12 layers, keys and values, 2 heads of 256, two bytes; the naive sum over 48 layers is 98,304.
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(24_576);
    // 36 layers: 64 states of 128 x 128 in FP32, and three inputs of 2 x 16 x 128 + 64 x 128 channels in BF16.
    expect(stateBytesPerSequencePerGpu(model, 1)).toBe(36 * (64 * 128 * 128 * 4 + 3 * 12_288 * 2));
    expect(stateBytesPerSequencePerGpu(model, 8)).toBe(stateBytesPerSequencePerGpu(model, 1) / 8);
  });
  it("every other layer a window of 128 (gpt-oss-120b)", () => {
    const model = importHuggingFaceConfig("m", gptOss);
    expect(groups(gptOss)).toEqual([
      ["full", 18],
      ["sliding", 18],
    ]);
    // 18 layers, 2 x 8 heads of 64, two bytes.
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(36_864);
    // The windows double it up to 128 tokens, and stay as they are beyond.
    expect(sequenceBytesPerGpu(model, 1, "bfloat16", 100)).toBe(2 * 36_864 * 100);
    expect(sequenceBytesPerGpu(model, 1, "bfloat16", 1000)).toBe(36_864 * (1000 + 128));
  });
  it("three chunked layers to one (Llama 4)", () => {
    const model = importHuggingFaceConfig("m", llama4);
    expect(groups(llama4)).toEqual([
      ["full", 12],
      ["chunked", 36],
    ]);
    // 12 layers, 2 x 8 heads of 128, two bytes.
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(49_152);
    expect(model.moe).toMatchObject({ layers: 24, topK: 1, intermediateSize: 8192, sharedIntermediateSize: 8192 });
    expect(model.dense).toEqual([{ layers: 24, intermediateSize: 16_384, matrices: 3 }]);
  });
  it("a latent, and the key and scale of an indexer (DeepSeek-V3.2)", () => {
    const model = importHuggingFaceConfig("m", deepseek);
    expect(groups(deepseek)).toEqual([["sparse", 61]]);
    // 61 layers of 576 BF16 numbers and of 128 FP8 numbers with a scale; in FP8 512 numbers, 4 scales, 64 BF16 numbers.
    expect(kvBytesPerTokenPerGpu(model, 8, "bfloat16")).toBe(61 * (1152 + 132));
    expect(kvBytesPerTokenPerGpu(model, 8, "fp8")).toBe(61 * (656 + 132));
    expect(hasUnlikeCaches(model)).toBe(false);
  });
  it("layers that use another's selection keep no keys of their own (GLM-5.2)", () => {
    const types = Array.from({ length: 61 }, (_, i) => (i % 4 === 0 ? "full" : "shared"));
    const model = importHuggingFaceConfig("m", { ...deepseek, model_type: "glm_moe_dsa", indexer_types: types });
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(61 * 1152 + 16 * 132);
  });
  it("one layer of attention among Mamba-2 (Nemotron-H)", () => {
    const model = importHuggingFaceConfig("m", nemotron);
    expect(model.layers).toBe(8);
    expect([model.states[0]?.layers, model.moe?.layers, model.dense]).toEqual([
      3,
      3,
      [{ layers: 1, intermediateSize: 1856, matrices: 2 }],
    ]);
    // 1 layer, 2 x 2 heads of 128, two bytes.
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(1024);
    // 3 layers: 64 states of 64 x 128 in FP32, three inputs of 64 x 64 + 2 x 8 x 128 channels.
    expect(stateBytesPerSequencePerGpu(model, 1)).toBe(3 * (64 * 64 * 128 * 4 + 3 * 6144 * 2));
  });
  it("windows with heads of their own (Gemma 4)", () => {
    const gemma = {
      ...common,
      model_type: "gemma4_text",
      num_hidden_layers: 30,
      hidden_size: 2816,
      num_attention_heads: 16,
      num_key_value_heads: 8,
      head_dim: 256,
      global_head_dim: 512,
      num_global_key_value_heads: 2,
      attention_k_eq_v: true,
      sliding_window: 1024,
      sliding_window_pattern: 6,
      intermediate_size: 2112,
      enable_moe_block: true,
      num_experts: 128,
      top_k_experts: 8,
      moe_intermediate_size: 704,
    };
    const model = importHuggingFaceConfig("m", gemma);
    // 5 layers of 2 x 2 heads of 512; 25 of 2 x 8 of 256, for a window.
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(5 * 2 * 2 * 512 * 2);
    expect(sequenceBytesPerGpu(model, 1, "bfloat16", 2000)).toBe(20_480 * 2000 + 25 * 8192 * 1024);
    expect([model.moe?.layers, model.dense[0]?.layers, model.tieWordEmbeddings]).toEqual([30, 30, true]);
  });
});

describe("parameters of layers beyond full attention, by hand", () => {
  it("linear attention: projections, convolution, experts", () => {
    const parameters = countParameters(importHuggingFaceConfig("m", qwen));
    // Full: query with gate 2 x 32 x 256, two KV heads of keys and values, output. Linear: 2 x 2048 + 2 x 8192 + 128, output.
    const full = 3072 * (2 * 8192 + 2 * 512 + 8192);
    const linear = 3072 * (2 * 2048 + 2 * 8192 + 128 + 8192);
    expect(parameters.attention).toBe(12 * full + 36 * linear);
    expect(parameters.routed).toBe(48 * 256 * 3 * 3072 * 1024);
    expect(parameters.network).toBe(48 * 3 * 3072 * 1024);
  });
  it("experts on a latent, two matrices each", () => {
    const model = importHuggingFaceConfig("m", { ...nemotron, moe_latent_size: 1024 });
    const parameters = countParameters(model);
    expect(parameters.routed).toBe(3 * 128 * 2 * 1024 * 1856);
    expect(parameters.network).toBe(2 * 2688 * 1856 + 3 * (2 * 2688 * 3712 + 2 * 2688 * 1024));
  });
});

describe("formats of parts", () => {
  const quantised = (settings: object) =>
    importHuggingFaceConfig("m", { ...deepseek, quantization_config: settings } as never);
  it("leaves out what the list of modules names in most layers", () => {
    const ignore = ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*"];
    const model = quantised({
      quant_method: "compressed-tensors",
      config_groups: { group_0: { weights: { num_bits: 4, type: "int" } } },
      ignore,
    });
    expect([model.weightFormat, model.attentionWeightFormat, model.networkWeightFormat]).toEqual([
      "int4",
      "bfloat16",
      "bfloat16",
    ]);
    const few = ["lm_head", "model.layers.5.self_attn.q_proj", "model.layers.12.self_attn.kv_a_layernorm"];
    expect(quantised({ quant_algo: "NVFP4", ignore: few }).attentionWeightFormat).toBeUndefined();
  });
  it("takes the commonest format of each part from layers that name their own", () => {
    const layer = (i: number) => ({
      [`model.layers.${i}.self_attn.o_proj`]: { quant_algo: "FP8" },
      [`model.layers.${i}.mlp.experts`]: { quant_algo: "W4A16_NVFP4" },
      [`model.layers.${i}.mlp.shared_expert.up_proj`]: { quant_algo: "MXFP8" },
    });
    const model = quantised({ quant_algo: "MIXED_PRECISION", quantized_layers: { ...layer(0), ...layer(1) } });
    expect([model.weightFormat, model.attentionWeightFormat, model.networkWeightFormat]).toEqual([
      "nvfp4",
      "fp8",
      "fp8_block",
    ]);
  });
});
