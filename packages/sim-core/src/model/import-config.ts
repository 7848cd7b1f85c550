import { ScenarioError } from "../errors.ts";
import type { ModelArchitecture } from "./architecture.ts";
import { ConfigReader, type HuggingFaceConfig } from "./config-reader.ts";
import { modelLayers } from "./families.ts";
import { checkpointKvFormatOf, weightFormatsOf } from "./quantization.ts";
import { requireSupportedType } from "./supported-types.ts";
import { visionEncoderOf } from "./vision-encoder.ts";

export type { HuggingFaceConfig } from "./config-reader.ts";

/** Families whose output head is the embedding unless they say otherwise. */
const TIED_TYPES = /^gemma/;
const QUERY_KEY_NORM_TYPES = /^(qwen3|gemma[34]|minimax)/;

/**
 * The architecture of a Hugging Face `config.json`; of a model that also sees or hears, that of its text model.
 *
 * @param name what messages call it: a model id or a file
 * @param hfQuantConfig the `hf_quant_config.json` beside it, where there is one
 * @throws ScenarioError on a `model_type` or a value that is not supported
 */
export function importHuggingFaceConfig(
  name: string,
  config: HuggingFaceConfig,
  hfQuantConfig?: HuggingFaceConfig,
): ModelArchitecture {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new ScenarioError(`${name}: config.json holds ${JSON.stringify(config)?.slice(0, 40)}, allowed: an object`);
  }
  const modelType = requireSupportedType(name, config.model_type ?? nestedText(config)?.model_type);
  const text = nestedText(config) ?? config;
  const read = new ConfigReader(name, text);
  const vision = visionEncoderOf(name, config);
  return {
    name,
    modelType,
    hiddenSize: read.required("hidden_size"),
    ...modelLayers(read, modelType),
    vocabSize: read.required("vocab_size"),
    tieWordEmbeddings: (text.tie_word_embeddings ?? config.tie_word_embeddings ?? TIED_TYPES.test(modelType)) === true,
    attentionBias: modelType === "qwen2" || text.attention_bias === true,
    queryKeyNorm: QUERY_KEY_NORM_TYPES.test(modelType),
    maxPositionEmbeddings: read.required("max_position_embeddings"),
    ...weightFormatsOf(name, text.quantization_config === undefined ? config : text, hfQuantConfig),
    checkpointKvFormat: checkpointKvFormatOf(text.quantization_config === undefined ? config : text, hfQuantConfig),
    ...(vision === undefined ? {} : { vision }),
  };
}

function nestedText(config: HuggingFaceConfig): HuggingFaceConfig | undefined {
  const nested = config.text_config;
  return typeof nested === "object" && nested !== null ? (nested as HuggingFaceConfig) : undefined;
}
