import type { DenseLayers, ExpertLayers } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";

/** The networks of a model: dense ones, and experts. */
export interface NetworkLayers {
  readonly dense: readonly DenseLayers[];
  readonly moe?: ExpertLayers;
}

/** How many experts the config names; 0 for a model without. */
function expertsOf(read: ConfigReader): number {
  return read.optional("num_experts", "n_routed_experts", "num_local_experts") ?? 0;
}

/** Which decoder layers have experts, by the rule of each family. */
function expertFlags(read: ConfigReader, layers: number): boolean[] {
  const types = read.perLayer("mlp_layer_types", layers);
  if (types !== undefined) return types.map((type) => type === "sparse");
  const listed = read.perLayer("moe_layer_freq", layers);
  if (listed !== undefined) return listed.map((flag) => flag === 1);
  const first = read.optional("first_k_dense_replace") ?? 0;
  const frequency = read.optional("moe_layer_freq") ?? 1;
  const step = read.optional("decoder_sparse_step", "interleave_moe_layer_step") ?? 1;
  const denseOnly = read.get("mlp_only_layers");
  const denseSet = new Set(Array.isArray(denseOnly) ? denseOnly : []);
  return Array.from(
    { length: layers },
    (_, i) => i >= first && i % frequency === 0 && (i + 1) % step === 0 && !denseSet.has(i),
  );
}

/** Width of all shared experts together. */
function sharedSize(read: ConfigReader, modelType: string, expertSize: number): number {
  const given = read.optional(
    "shared_expert_intermediate_size",
    "moe_shared_expert_intermediate_size",
    "shared_intermediate_size",
    "share_expert_dim",
  );
  if (given !== undefined) return given;
  // Llama 4 has one beside its routed experts that the config does not name.
  if (modelType.startsWith("llama4")) return expertSize;
  return (read.optional("n_shared_experts", "num_shared_experts") ?? 0) * expertSize;
}

/** Experts of so many layers. */
export function expertLayersOf(read: ConfigReader, modelType: string, layers: number, matrices: 2 | 3): ExpertLayers {
  const intermediateSize = read.required("moe_intermediate_size", "intermediate_size");
  return {
    layers,
    experts: expertsOf(read),
    topK: read.required("num_experts_per_tok", "num_experts_per_token", "top_k_experts"),
    intermediateSize,
    width: read.optional("routed_expert_hidden_size", "moe_latent_size") ?? read.required("hidden_size"),
    sharedIntermediateSize: sharedSize(read, modelType, intermediateSize),
    matrices,
  };
}

/** Networks of a model with one, dense or of experts, in each decoder layer; or both, where `enable_moe_block` says so. */
export function networkLayersOf(read: ConfigReader, modelType: string, layers: number): NetworkLayers {
  const denseSize = () =>
    read.required("intermediate_size_mlp", "dense_intermediate_size", "intermediate_size", "moe_intermediate_size");
  const denseOf = (count: number): DenseLayers[] =>
    count === 0 ? [] : [{ layers: count, intermediateSize: denseSize(), matrices: 3 }];
  if (expertsOf(read) === 0) return { dense: denseOf(layers) };
  const expertLayers = expertFlags(read, layers).filter(Boolean).length;
  const both = read.get("enable_moe_block") === true;
  const dense = denseOf(both ? layers : layers - expertLayers);
  if (expertLayers === 0) return { dense };
  return { dense, moe: expertLayersOf(read, modelType, expertLayers, 3) };
}
