import { simulate } from "@windtunnel/sim-core";
import { inputOf } from "./cases.ts";
import { type MedianInterval, medianInterval } from "./interval.ts";

/** The cost of decision records that are off: pairs of runs in turn, without the option and with one that says no. */
export function decisionRecordsOff(pairs: number): MedianInterval {
  const input = inputOf({ name: "load-only", pods: 8, requests: 200_000, ratePerPod: 16 });
  const time = (withOption: boolean): number => {
    const started = performance.now();
    simulate(withOption ? { ...input, recordDecision: () => false } : input);
    return performance.now() - started;
  };
  for (let warm = 0; warm < 2; warm++) time(warm === 1);
  const ratios = Array.from({ length: pairs }, (_, pair) => {
    // Whoever runs second may find a warmer machine: take turns.
    const first = time(pair % 2 === 0);
    const second = time(pair % 2 !== 0);
    return pair % 2 === 0 ? first / second : second / first;
  });
  return medianInterval(ratios);
}
