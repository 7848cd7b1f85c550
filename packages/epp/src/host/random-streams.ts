/// <reference path="./seedrandom-alea.d.ts" />
import type { RandomSource } from "@windtunnel/router-policies";
import alea from "seedrandom/lib/alea.js";

/** The named random stream of a seed: the same seed gives the same choices, in production and in a replay of it. */
export function randomStream(seed: string, name: string): RandomSource {
  return { next: alea(`${seed}/${name}`) };
}
