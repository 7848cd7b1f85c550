/**
 * What producers hand to the plugins that run after them. Each kind is one object per producer, filled anew for every
 * request before filters and scorers run; per-endpoint values are arrays indexed by `endpoint.slot`.
 */
export interface DataKinds {
  "prefix-match": PrefixMatchData;
  "in-flight-load": InFlightLoadData;
  "uncached-tokens": UncachedTokensData;
  tokens: TokensData;
  topology: TopologyData;
  session: SessionData;
}
export type DataKind = keyof DataKinds;

/** Kinds that hooks keep true at all times; all others are filled by `produce` for each request. */
export const LIVE_DATA_KINDS: readonly DataKind[] = ["in-flight-load", "topology"];

/** How much of the prompt each endpoint is thought to have cached. */
export interface PrefixMatchData {
  /** False when the producer gave this request no attribute at all (no tokens; precise: no full block). */
  available: boolean;
  /** Blocks of the prompt, summed over prompts. */
  totalBlocks: number;
  blockSizeTokens: number;
  /** Matched blocks by endpoint slot; weighted by tier and truncated in the precise index. */
  matchBlocks: Float64Array;
  /** The same, unweighted: how many blocks from the front the endpoint has in any tier. */
  cachedBlocks: Float64Array;
}

/** Requests and tokens that this router has sent to each endpoint and not yet seen finished; exact and live. */
export interface InFlightLoadData {
  requests: Int32Array;
  tokens: Float64Array;
}

/** Prompt tokens of this request that each endpoint would have to compute, by slot. */
export interface UncachedTokensData {
  tokens: Float64Array;
}

/** Prompt tokens of this request. */
export interface TokensData {
  available: boolean;
  promptTokens: number;
}

/** Where an endpoint runs; empty where unknown. */
export interface Topology {
  readonly host: string;
  readonly rack: string;
  readonly zone: string;
  readonly region: string;
}

/** Where each endpoint runs, by slot; undefined where nothing is known. */
export interface TopologyData {
  readonly places: (Topology | undefined)[];
}

/** What names the session of this request; undefined without one. */
export interface SessionData {
  id: string | undefined;
}

/** A datum that a plugin reads: its kind and the name of the producer that makes it. */
export interface DataKey {
  readonly kind: DataKind;
  readonly producer: string;
  /** A missing optional datum only warns. */
  readonly optional?: boolean;
  /** The plugin has no parameter for the name, and upstream knows the default one only: `strict` mends that. */
  readonly anyNameIfStrict?: boolean;
}
