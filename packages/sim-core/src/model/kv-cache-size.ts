import type { KvFormat, ModelArchitecture } from "./architecture.ts";

/** Bytes of one cached number. */
export const KV_BYTES: Readonly<Record<KvFormat, number>> = { bfloat16: 2, fp8: 1 };

/**
 * Bytes that a token takes in the KV cache of one device.
 *
 * With tensor parallelism above the number of KV heads the heads are replicated. A latent (MLA) is whole on every device.
 */
export function kvBytesPerTokenPerGpu(model: ModelArchitecture, tensorParallel: number, format: KvFormat): number {
  const { latentAttention: mla, layers, kvHeads, headDim } = model;
  if (mla !== undefined) return layers * (mla.kvRank + mla.ropeHeadDim) * KV_BYTES[format];
  return layers * 2 * Math.max(1, kvHeads / tensorParallel) * headDim * KV_BYTES[format];
}
