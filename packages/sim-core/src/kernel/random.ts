/// <reference path="./seedrandom-alea.d.ts" />
import type { RandomSource } from "@windtunnel/router-policies";
import alea from "seedrandom/lib/alea.js";

const FNV_OFFSET_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const TWO_POW_MINUS_32 = 2 ** -32;
const TWO_POW_MINUS_53 = 2 ** -53;

/** A stream's number from its name: 32-bit FNV-1a over the UTF-16 code units (equal to the bytes for ASCII names). */
export function streamId(name: string): number {
  let hash = FNV_OFFSET_BASIS;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}

/** A run's seed as 32 bits; a number and the same number as text (as a command line hands it over) are one seed. */
export function hashSeed(seed: number | string): number {
  return mix32(streamId(String(seed))) >>> 0;
}

/**
 * Draw number `index` of a stream: uniform in [0, 1) with 53 bits, without state. Adding a stream, or draws to one,
 * never shifts the draws of another.
 *
 * @param seed 32 bits, as `hashSeed` gives; `stream` as `streamId` gives; `index` an integer below 2^32
 */
export function counterUniform(seed: number, stream: number, index: number): number {
  // The key is mixed before the index joins, so that two streams visit the 2^32 words in unrelated orders.
  const key = mix32(Math.imul(seed, 0x9e3779b1) ^ stream);
  const high = mix32(Math.imul(index, 0xcc9e2d51) ^ key);
  const low = mixLow32(high + Math.imul(key, 0x85ebca77) + index);
  return (high >>> 0) * TWO_POW_MINUS_32 + (low >>> 11) * TWO_POW_MINUS_53;
}

/** The named stream of a run: `seedrandom.alea` seeded with "seed/name". */
export function namedStream(seed: number | string, name: string): RandomSource {
  return { next: alea(`${seed}/${name}`) };
}

/** Finaliser of MurmurHash3 x86_32 (Appleby, `fmix32`). */
function mix32(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** `lowbias32` (Wellons, hash-prospector): a second, unrelated finaliser for the low word. */
function mixLow32(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return h ^ (h >>> 16);
}
