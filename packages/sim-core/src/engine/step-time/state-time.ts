import type { StateLayers } from "../../model/architecture.ts";
import { layerStateBytes } from "../../model/kv-cache-size.ts";
import type { AttentionTime } from "./attention.ts";
import type { DevicePeaks } from "./device.ts";
import type { RooflineOptions } from "./options.ts";

/** Of BF16 peak in a prompt's chunked scan, and of memory bandwidth (`assumed`: no table has these kernels). */
const SCAN_EFFICIENCY = 0.25;
const BANDWIDTH_EFFICIENCY = 0.6;

/**
 * Linear attention and state-space layers: work in proportion to the tokens, whatever came before them. A prompt's chunk
 * costs `products` products with the state a token; a decoding sequence has its state read and written once.
 */
export function stateTime(options: RooflineOptions, layer: StateLayers, peaks: DevicePeaks): AttentionTime {
  const { tensorParallel, draftTokens = 0 } = options;
  const heads = layer.heads / tensorParallel;
  const flops = 2 * layer.products * heads * layer.keyDim * layer.valueDim;
  const tokenBytes = 2 * (layer.convChannels / tensorParallel + 2 * heads * layer.valueDim);
  const stateBytes = (2 * layerStateBytes(layer)) / tensorParallel;
  const idealUs = (tokens: number, states: number) =>
    Math.max(
      (flops * tokens) / peaks.bfloat16FlopsPerUs,
      (tokenBytes * tokens + stateBytes * states) / peaks.bytesPerUs,
    );
  const timeUs = (tokens: number, states: number) =>
    Math.max(
      (flops * tokens) / (peaks.bfloat16FlopsPerUs * SCAN_EFFICIENCY),
      (tokenBytes * tokens + stateBytes * states) / (peaks.bytesPerUs * BANDWIDTH_EFFICIENCY),
    );
  return {
    mixedDecodeFactor: 1,
    prefillIdealUs: (newTokens) => idealUs(newTokens, 1),
    prefillUs: (newTokens) => timeUs(newTokens, 1),
    decodeIdealUs: (seqs) => idealUs(seqs * (draftTokens + 1), seqs),
    decodeUs: (seqs) => timeUs(seqs * (draftTokens + 1), seqs),
  };
}
