import type { CataloguedModel } from "./catalogue-configs.ts";

/** Models of the catalogue that see, with what encodes their images. */
export const VISION_MODEL_CONFIGS: readonly CataloguedModel[] = [
  {
    id: "Qwen/Qwen3-VL-8B-Instruct",
    aliases: [],
    config: {
      model_type: "qwen3_vl",
      text_config: {
        model_type: "qwen3_vl_text",
        num_hidden_layers: 36,
        hidden_size: 4096,
        num_attention_heads: 32,
        num_key_value_heads: 8,
        head_dim: 128,
        intermediate_size: 12288,
        vocab_size: 151936,
        max_position_embeddings: 262144,
        attention_bias: false,
      },
      tie_word_embeddings: false,
      vision_config: {
        depth: 27,
        hidden_size: 1152,
        num_heads: 16,
        intermediate_size: 4304,
        patch_size: 16,
        spatial_merge_size: 2,
        deepstack_visual_indexes: [8, 16, 24],
      },
    },
  },
];
