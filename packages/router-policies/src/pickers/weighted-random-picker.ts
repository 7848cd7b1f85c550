import type { Endpoint } from "../framework/endpoint.ts";
import { log } from "../framework/log.ts";
import { definePicker } from "../framework/plugin.ts";
import type { RandomSource } from "../framework/random.ts";
import { pickCount, pickerParameters, shuffledIndexes, sortFalling, take, takeOne } from "./picking.ts";

/** Replaces U = 0, as upstream. */
const SMALLEST_DRAW = 1e-10;
/** ln of the smallest double: below it the key U^(1/score) is 0. */
const LN_SMALLEST_DOUBLE = -745.1332191019412;

/** ln of the key U^(1/score): the same order as the keys themselves, without a power. */
function logKey(score: number, random: RandomSource): number {
  if (!(score > 0)) return Number.NEGATIVE_INFINITY;
  const draw = random.next();
  const key = log(draw === 0 ? SMALLEST_DRAW : draw) / score;
  return key < LN_SMALLEST_DOUBLE ? Number.NEGATIVE_INFINITY : key;
}

/**
 * Picks at random in proportion to the totals: the largest keys U^(1/total) (Efraimidis and Spirakis, 2006, A-Res). A
 * total of 0 or less has key 0; equal keys stand in random order. Source: llm-d-router `picker/weightedrandom`.
 */
export const weightedRandomPicker = definePicker({
  type: "weighted-random-picker",
  summary: "Picks at random, in proportion to the total scores.",
  parameters: pickerParameters,
  create(parameters, { random }) {
    const targets: Endpoint[] = [];
    let keys = new Float64Array(16);
    return {
      pick(_request, endpoints, totals) {
        const candidates = endpoints.length;
        if (keys.length < candidates) keys = new Float64Array(candidates * 2);
        let positive = 0;
        let best = 0;
        for (let i = 0; i < candidates; i++) {
          keys[i] = logKey(totals[i]!, random);
          if (keys[i]! > Number.NEGATIVE_INFINITY) positive++;
          if (keys[i]! > keys[best]!) best = i;
        }
        const count = pickCount(parameters.maxNumOfEndpoints, candidates);
        if (count === 1 && positive > 0) {
          return takeOne(endpoints[best]!, targets);
        }
        const indexes = shuffledIndexes(random, candidates);
        sortFalling(indexes, keys);
        return take(endpoints, indexes, count, targets);
      },
      tied: (endpoints, totals) => {
        const drawn = endpoints.filter((_, i) => totals[i]! > 0);
        const among = drawn.length > 0 ? drawn : endpoints;
        return among.length > 1 ? among : [];
      },
    };
  },
});
