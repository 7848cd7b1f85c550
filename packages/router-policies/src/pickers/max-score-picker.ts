import type { Endpoint } from "../framework/endpoint.ts";
import { definePicker } from "../framework/plugin.ts";
import type { RandomSource } from "../framework/random.ts";
import {
  drawIndex,
  pickCount,
  pickerParameters,
  sharedBest,
  shuffledIndexes,
  sortFalling,
  take,
  takeOne,
} from "./picking.ts";

/**
 * The index of the greatest total, uniform among exact ties; −1 when a total is NaN. Draws once, and only on a tie.
 */
function indexOfBest(totals: Float64Array, count: number, random: RandomSource): number {
  let best = Number.NEGATIVE_INFINITY;
  let index = 0;
  let ties = 0;
  for (let i = 0; i < count; i++) {
    const total = totals[i]!;
    if (total > best) {
      best = total;
      index = i;
      ties = 1;
    } else if (total === best) ties++;
    else if (Number.isNaN(total)) return -1;
  }
  if (ties < 2) return index;
  for (let skip = drawIndex(random, ties); skip > 0; ) if (totals[++index] === best) skip--;
  return index;
}

/**
 * Picks the best totals. Upstream shuffles and then sorts stably; for one target, a uniform choice among the best has
 * the same distribution, so that is what happens unless a total is NaN. Source: llm-d-router `picker/maxscore`.
 */
export const maxScorePicker = definePicker({
  type: "max-score-picker",
  summary: "Picks the endpoint with the greatest total score; exact ties at random.",
  parameters: pickerParameters,
  create(parameters, { random }) {
    const targets: Endpoint[] = [];
    return {
      pick(_request, endpoints, totals) {
        const count = pickCount(parameters.maxNumOfEndpoints, endpoints.length);
        if (count === 1) {
          const index = indexOfBest(totals, endpoints.length, random);
          if (index >= 0) {
            return takeOne(endpoints[index]!, targets);
          }
        }
        const indexes = shuffledIndexes(random, endpoints.length);
        sortFalling(indexes, totals);
        return take(endpoints, indexes, count, targets);
      },
      tied: sharedBest,
    };
  },
});
