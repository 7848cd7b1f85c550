import type { AttentionLayers, KvFormat, ModelArchitecture } from "./architecture.ts";
import { meanTokenBytesPerGpu, sharedLatentBytes } from "./kv-cache-size.ts";

/** Tokens of a block of what is kept of the whole context, and of a window (vLLM 0.22.1, `DeepseekV4SWACache`). */
const BLOCK_TOKENS = 256;
const WINDOW_BLOCK_TOKENS = 64;

/** Tokens of a block of what is not a row yet (`CompressorStateCache`). */
const stateBlockTokens = (tokensPerRow: number) => (tokensPerRow === 4 ? 4 : 8);

/** Alike layers whose caches of a window have blocks together. */
interface WindowGroup {
  readonly layers: number;
  readonly spanTokens: number;
  readonly blockTokens: number;
  /** Of one layer. */
  readonly pageBytes: number;
}

const pageOf = (bytes: number, alignment: number) => Math.ceil(bytes / alignment) * alignment;
const sum = (values: readonly number[]) => values.reduce((all, one) => all + one, 0);

/** Layers a group: of those at least as many as the first count, the one that fills up least, the larger of equals. */
function layersPerGroup(counts: readonly number[]): number {
  const padding = (size: number) => sum(counts.map((count) => (size - (count % size)) % size));
  let best = counts[0]!;
  for (let size = best + 1; size <= Math.max(...counts); size++) if (padding(size) <= padding(best)) best = size;
  return best;
}

/** The groups of windows: one of single tokens in all layers, one for each kind of rows of what is not a row yet. */
function windowGroups(attention: readonly AttentionLayers[], format: KvFormat): WindowGroup[] {
  const { headDim, spanTokens, sharedLatent } = attention[0]!;
  const aligned = format === "fp8" ? 576 : 1;
  const tokenBytes = sharedLatentBytes(headDim, sharedLatent!.ropeHeadDim, format);
  const windows = {
    layers: sum(attention.map(({ layers }) => layers)),
    spanTokens,
    blockTokens: WINDOW_BLOCK_TOKENS,
    pageBytes: pageOf(WINDOW_BLOCK_TOKENS * tokenBytes, aligned),
  };
  const states = attention.flatMap(({ layers, headDim: width, indexer, sharedLatent: latent }) => {
    if (latent?.rows === undefined) return [];
    const { tokensPerRow, runsPerRow } = latent.rows;
    const blockTokens = stateBlockTokens(tokensPerRow);
    const page = (numbers: number) => pageOf(blockTokens * 4 * 2 * runsPerRow * numbers, aligned);
    const pageBytes = page(width) + (indexer === undefined ? 0 : page(indexer.headDim));
    return [{ layers, spanTokens: runsPerRow * tokensPerRow, blockTokens, pageBytes }];
  });
  return [windows, ...states];
}

/** Bytes of one layer's page of rows, and of its indexer's keys. */
function rowPageBytes({ headDim, indexer, sharedLatent }: AttentionLayers, format: KvFormat): number {
  const { rows, ropeHeadDim } = sharedLatent!;
  if (rows === undefined) return 0;
  const aligned = format === "fp8" ? 576 : 512;
  const rowBytes = sharedLatentBytes(headDim, ropeHeadDim, format);
  return (
    pageOf((BLOCK_TOKENS / rows.tokensPerRow) * rowBytes, aligned) +
    pageOf(BLOCK_TOKENS * (indexer?.bytesPerToken ?? 0), aligned)
  );
}

/**
 * Mean bytes of a token of a sequence in packed blocks: groups of layers take blocks of one size from one pool, each as
 * large as the largest group's pages, so that a group of small windows leaves most of a block empty (vLLM after 0.25.1,
 * `vllm/v1/core/kv_cache_utils.py`: `_get_kv_cache_groups_uniform_groups`, `_get_packed_kv_cache_layout`). A window lies on
 * (span - 1) / block + 1 blocks on average.
 */
function packedTokenBytes(attention: readonly AttentionLayers[], format: KvFormat, contextTokens: number): number {
  const counts = attention.map(({ layers, sharedLatent }) => (sharedLatent?.rows === undefined ? 0 : layers));
  const groups = windowGroups(attention, format);
  const perGroup = layersPerGroup([Math.max(...counts), ...groups.map(({ layers }) => layers)]);
  let blockBytes = sum(attention.map((layer) => layer.layers * rowPageBytes(layer, format)));
  let windowBlocks = 0;
  for (const { layers, spanTokens, blockTokens, pageBytes } of groups) {
    const parts = Math.ceil(layers / perGroup);
    blockBytes = Math.max(blockBytes, Math.ceil(layers / parts) * pageBytes);
    windowBlocks += parts * ((Math.min(contextTokens, spanTokens) - 1) / blockTokens + 1);
  }
  return blockBytes * (1 / BLOCK_TOKENS + windowBlocks / contextTokens);
}

/** Mean bytes that a token of a sequence of so many takes of an engine's pool of blocks, on one device. */
export function pooledTokenBytesPerGpu(
  model: ModelArchitecture,
  tensorParallel: number,
  format: KvFormat,
  contextTokens: number,
): number {
  return model.attention.some((layer) => layer.sharedLatent?.rows !== undefined)
    ? packedTokenBytes(model.attention, format, contextTokens)
    : meanTokenBytesPerGpu(model, tensorParallel, format, contextTokens);
}
