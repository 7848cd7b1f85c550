import { didYouMean, ScenarioError } from "../errors.ts";
import type { ConfigReader } from "./config-reader.ts";

/** What a decoder layer has where attention stands. */
export type LayerKind = "full" | "sliding" | "chunked" | "linear";

/** `layer_types` as `config.json` writes them. */
const WRITTEN_KINDS: ReadonlyMap<string, LayerKind> = new Map([
  ["full_attention", "full"],
  ["attention", "full"],
  // Which tokens of it, the indexer's keys say.
  ["deepseek_sparse_attention", "full"],
  ["sliding_attention", "sliding"],
  ["chunked_attention", "chunked"],
  ["linear_attention", "linear"],
]);

function writtenKinds(read: ConfigReader, types: readonly unknown[]): LayerKind[] {
  return types.map((type) => {
    const kind = WRITTEN_KINDS.get(String(type));
    if (kind !== undefined) return kind;
    const known = [...WRITTEN_KINDS.keys()];
    throw new ScenarioError(
      `${read.name}: config.json "layer_types" has "${String(type)}", a kind of layer that is missing` +
        `${didYouMean(String(type), known)}; known: ${known.join(", ")}`,
    );
  });
}

/** Kinds of layers under a rule of the model's code, where `config.json` has no list. */
function kindsByRule(read: ConfigReader, modelType: string, layer: number, windows: boolean): LayerKind {
  switch (modelType) {
    case "gpt_oss":
    case "gemma2":
      return layer % 2 === 0 ? "sliding" : "full";
    case "gemma3":
    case "gemma3_text":
    case "gemma4":
    case "gemma4_text":
      return (layer + 1) % (read.optional("sliding_window_pattern", "_sliding_window_pattern") ?? 6) === 0
        ? "full"
        : "sliding";
    case "llama4":
    case "llama4_text":
      return (layer + 1) % (read.optional("no_rope_layer_interval") ?? 4) === 0 ? "full" : "chunked";
    case "qwen3_next":
    case "qwen3_5":
    case "qwen3_5_text":
    case "qwen3_5_moe":
    case "qwen3_5_moe_text":
      return (layer + 1) % (read.optional("full_attention_interval") ?? 4) === 0 ? "full" : "linear";
    default:
      return windows ? "sliding" : "full";
  }
}

/**
 * The kind of each decoder layer: as listed (`layer_types`, `hybrid_layer_pattern` with 1 for a window, `no_rope_layers`
 * with 0 for full attention), else by the rule of the model's type. `use_sliding_window: false` beats `sliding_window`; a
 * window as long as the model is none; with `use_sliding_window`, the first `max_window_layers` layers have none.
 *
 * @throws ScenarioError on a kind that is not known
 */
export function layerKinds(read: ConfigReader, modelType: string, layers: number): LayerKind[] {
  const types = read.perLayer("layer_types", layers);
  const window = read.optional("sliding_window") ?? 0;
  const used = read.get("use_sliding_window");
  const windows = used !== false && window > 0 && window < read.required("max_position_embeddings");
  if (types !== undefined) {
    const kinds = writtenKinds(read, types);
    return windows ? kinds : kinds.map((kind) => (kind === "sliding" ? "full" : kind));
  }
  const pattern = read.perLayer("hybrid_layer_pattern", layers);
  if (pattern !== undefined) return pattern.map((value) => (value === 1 ? "sliding" : "full"));
  const rope = read.perLayer("no_rope_layers", layers);
  if (rope !== undefined) return rope.map((value) => (value === 0 ? "full" : "chunked"));
  const fullLayers = windows && used === true ? (read.optional("max_window_layers") ?? 0) : 0;
  return Array.from({ length: layers }, (_, layer) =>
    layer < fullLayers ? "full" : kindsByRule(read, modelType, layer, windows),
  );
}
