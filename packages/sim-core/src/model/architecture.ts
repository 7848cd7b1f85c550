/** How the linear layers' weights are stored. */
export type WeightFormat = "bfloat16" | "fp8" | "fp8_block" | "nvfp4" | "mxfp4" | "int8" | "int4";

/** How the KV cache is stored. */
export type KvFormat = "bfloat16" | "fp8";

/** Multi-head latent attention: one latent per token instead of keys and values per head (DeepSeek-V2, section 2.1). */
export interface LatentAttention {
  /** 0: queries are projected directly. */
  readonly queryRank: number;
  readonly kvRank: number;
  readonly ropeHeadDim: number;
  readonly nopeHeadDim: number;
  readonly valueHeadDim: number;
}

/** Mixture-of-experts layers. */
export interface ExpertLayers {
  readonly experts: number;
  /** Routed experts that each token visits. */
  readonly topK: number;
  readonly sharedExperts: number;
  /** Width of one routed expert. */
  readonly intermediateSize: number;
  /** Layers that have a dense network in place of experts. */
  readonly denseLayers: number;
}

/** What the step time and the KV cache depend on; the names are those of `config.json`, in camel case. */
export interface ModelArchitecture {
  readonly name: string;
  readonly modelType: string;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly latentAttention?: LatentAttention;
  /** Width of the dense layers. */
  readonly intermediateSize: number;
  readonly moe?: ExpertLayers;
  readonly vocabSize: number;
  readonly tieWordEmbeddings: boolean;
  /** Biases on the query, key and value projections. */
  readonly attentionBias: boolean;
  /** A norm of its own on each query and key head. */
  readonly queryKeyNorm: boolean;
  readonly maxPositionEmbeddings: number;
  /** Every layer attends to at most this many tokens; 0 = to all. */
  readonly slidingWindowTokens: number;
  readonly weightFormat: WeightFormat;
  /** What the checkpoint proposes; the engine stores BF16 unless it is told. */
  readonly checkpointKvFormat: KvFormat;
}
