import type { VisionEncoder } from "./vision-encoder.ts";

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

/** Rows of a cache that stand for a run of tokens each (DeepSeek-V4). */
export interface CompressedRows {
  readonly tokensPerRow: number;
  /** Runs that a row is made of: two, its own and the one before, where neighbouring rows overlap. */
  readonly runsPerRow: 1 | 2;
  /** Rows that a token attends to: as many as its indexer picks, or Infinity for all. */
  readonly selectedRows: number;
}

/**
 * Attention over one latent a token that is key and value of all heads as it is; queries come over a low rank, and so do
 * outputs, group by group of heads (DeepSeek-V4, arXiv:2606.19348, section 2.3).
 */
export interface SharedLatent {
  readonly queryRank: number;
  /** Numbers of the latent that are rotated, and stay in BF16. */
  readonly ropeHeadDim: number;
  readonly outputGroups: number;
  /** Of each group. */
  readonly outputRank: number;
  /** Beside the window of single tokens; absent in a layer that has only the window. */
  readonly rows?: CompressedRows;
}

/** What picks the tokens that a sparse layer attends to: a score for each earlier token, from a small key of its own. */
export interface SparseIndexer {
  readonly heads: number;
  readonly headDim: number;
  /** Cached for each token, whatever the KV format: the key, with its scale where it has one. */
  readonly bytesPerToken: number;
  /** Tokens that have one key together. */
  readonly tokensPerKey: number;
}

/**
 * Which earlier tokens a layer of attention attends to: all; the last so many (`sliding`); those of the same stretch of so
 * many positions (`chunked`); the so many that an indexer scores highest (`sparse`); the last so many, and rows that stand
 * for runs of all (`compressed`).
 */
export type AttentionKind = "full" | "sliding" | "chunked" | "sparse" | "compressed";

/** Alike layers of attention. */
export interface AttentionLayers {
  readonly kind: AttentionKind;
  readonly layers: number;
  /** Tokens of the window, the chunk or the selection; Infinity for full attention. */
  readonly spanTokens: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueHeadDim: number;
  /** In place of keys and values per head. */
  readonly latent?: LatentAttention;
  /** In place of keys and values per head; `headDim` is the latent's width. */
  readonly sharedLatent?: SharedLatent;
  /** Of sparse layers and of rows that are picked; absent where a layer uses another's selection. */
  readonly indexer?: SparseIndexer;
  /** The query projection also makes a gate for the output. */
  readonly outputGate: boolean;
  /** Values are projected; false where the keys serve as values too. */
  readonly valueProjection: boolean;
}

/**
 * Alike layers that keep a state of constant size in place of a cache: linear attention (gated delta net, KDA) and
 * state-space layers (Mamba-2). Each head's state is a matrix of keyDim x valueDim.
 */
export interface StateLayers {
  readonly kind: "linear" | "state-space";
  readonly layers: number;
  readonly heads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  /** Matrix-sized products of a token with each state: three under the delta rule (read, correct, query), else two. */
  readonly products: number;
  /** Outputs of all input projections together. */
  readonly projectedWidth: number;
  readonly convChannels: number;
  readonly convKernel: number;
  /** Of one number of the state. */
  readonly stateNumberBytes: number;
}

/** Alike layers of dense networks. */
export interface DenseLayers {
  readonly layers: number;
  readonly intermediateSize: number;
  /** Three for a gated network, two without a gate. */
  readonly matrices: 2 | 3;
}

/** Mixture-of-experts layers. */
export interface ExpertLayers {
  readonly layers: number;
  readonly experts: number;
  /** Routed experts that each token visits. */
  readonly topK: number;
  /** Width of one routed expert. */
  readonly intermediateSize: number;
  /** Width that the routed experts read and write: the model's, or that of a latent before and after them. */
  readonly width: number;
  /** Width of all shared experts together; 0 = none. */
  readonly sharedIntermediateSize: number;
  readonly matrices: 2 | 3;
}

/** What the step time and the KV cache depend on; the names are those of `config.json`, in camel case. */
export interface ModelArchitecture {
  readonly name: string;
  readonly modelType: string;
  /** Decoder layers as `config.json` counts them. */
  readonly layers: number;
  readonly hiddenSize: number;
  readonly attention: readonly AttentionLayers[];
  /** Attention of the model's own layer that drafts, where it is not as the first layer's. */
  readonly draftAttention?: AttentionLayers;
  /** Residual streams that hyper-connections mix before and after each half of a layer; absent: one, added to. */
  readonly residualStreams?: number;
  readonly states: readonly StateLayers[];
  readonly dense: readonly DenseLayers[];
  readonly moe?: ExpertLayers;
  readonly vocabSize: number;
  readonly tieWordEmbeddings: boolean;
  /** Biases on the query, key and value projections. */
  readonly attentionBias: boolean;
  /** A norm of its own on each query and key head. */
  readonly queryKeyNorm: boolean;
  readonly maxPositionEmbeddings: number;
  /** Of the routed experts, or of all linear layers where no part has its own. */
  readonly weightFormat: WeightFormat;
  /** Of the projections of attention and state layers, where it is another. */
  readonly attentionWeightFormat?: WeightFormat;
  /** Of dense networks and shared experts, where it is another. */
  readonly networkWeightFormat?: WeightFormat;
  /** What the checkpoint proposes; the engine stores BF16 unless it is told. */
  readonly checkpointKvFormat: KvFormat;
  /** Of a model that sees, where its config tells how. */
  readonly vision?: VisionEncoder;
}
