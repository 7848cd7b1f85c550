import type { AttentionLayers } from "../../model/architecture.ts";
import type { DevicePeaks } from "./device.ts";
import { headAttention } from "./head-attention.ts";
import { latentAttention } from "./latent-attention.ts";
import type { RooflineOptions } from "./options.ts";
import { sharedLatentAttention } from "./shared-latent-attention.ts";
import { stateTime } from "./state-time.ts";

/** One layer on one device of what mixes tokens: attention, or a state. */
export interface AttentionTime {
  /** A chunk of a prompt, in a step with `chunks` of them. */
  prefillUs(newTokens: number, cachedTokens: number, chunks: number): number;
  /** `seqs` sequences of equal context. */
  decodeUs(seqs: number, contextTokens: number): number;
  /** Decode time in a step with prefill chunks over that in one without. */
  readonly mixedDecodeFactor: number;
  prefillIdealUs(newTokens: number, cachedTokens: number): number;
  /** `seqs` sequences of equal context and this sum. */
  decodeIdealUs(seqs: number, summedContextTokens: number): number;
}

/** Alike layers and the time of one of them. */
export interface MixerTime {
  readonly layers: number;
  readonly time: AttentionTime;
}

/** Time of one layer of attention: of heads, of a latent, or of one that all heads share as it is. */
export function attentionTime(options: RooflineOptions, layer: AttentionLayers, peaks: DevicePeaks): AttentionTime {
  if (layer.sharedLatent !== undefined) return sharedLatentAttention(options, layer, layer.sharedLatent, peaks);
  return layer.latent === undefined
    ? headAttention(options, layer, peaks)
    : latentAttention(options, layer, layer.latent, peaks);
}

/** All layers of a model that mix tokens, alike ones together. */
export function mixerTimes(options: RooflineOptions, peaks: DevicePeaks): MixerTime[] {
  const { attention, states } = options.model;
  return [
    ...attention.map((layer) => ({ layers: layer.layers, time: attentionTime(options, layer, peaks) })),
    ...states.map((layer) => ({ layers: layer.layers, time: stateTime(options, layer, peaks) })),
  ];
}
