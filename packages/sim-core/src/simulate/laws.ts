import type { PrefillChunks } from "../engine/step-time-model.ts";
import { InvariantError } from "../errors.ts";
import { checkDisaggregation } from "./disaggregation-laws.ts";
import { checkEncode } from "./encode-laws.ts";
import type { SimulationInput } from "./input.ts";
import { checkLinks } from "./link-laws.ts";
import { checkLora } from "./lora-laws.ts";
import { Outcome, type RequestColumns, type SimulationResult } from "./result.ts";
import { checkTiers } from "./tier-laws.ts";

/**
 * Checks a finished run against the laws that can be read off its result (docs/laws.md); every run is checked.
 *
 * @throws InvariantError naming the law and the request or replica that breaks it: a mistake in the simulator
 */
export function checkLaws(input: SimulationInput, result: SimulationResult): void {
  checkRequests(input, result);
  checkReplicas(input, result);
  checkEncode(input, result);
  checkDisaggregation(input, result);
  checkTiers(result);
  checkLinks(result);
  checkLora(result);
}

function broken(law: string, what: string): never {
  throw new InvariantError(`law "${law}" is broken: ${what}`);
}

/** Every request ends exactly once, with a reason; effects follow their causes. */
function checkRequests({ workload }: SimulationInput, { requests, stopped, endUs }: SimulationResult): void {
  const { count, outcome, arrivalUs, scheduledUs, firstTokenUs, finishUs } = requests;
  for (let row = 0; row < count; row++) {
    switch (outcome[row]) {
      case Outcome.completed:
        if (
          !(arrivalUs[row]! <= scheduledUs[row]!) ||
          !(scheduledUs[row]! < firstTokenUs[row]!) ||
          !(firstTokenUs[row]! <= finishUs[row]!) ||
          !(finishUs[row]! <= endUs)
        ) {
          broken("causality", timesOf(requests, row));
        }
        if (requests.cachedTokens[row]! >= workload.promptTokens[row]!) {
          broken("a hit never covers the last token", `request ${row}: ${requests.cachedTokens[row]} cached tokens`);
        }
        break;
      case Outcome.unfinished:
        if (!stopped) broken("every request ends", timesOf(requests, row));
        break;
      default:
        if (!Number.isNaN(finishUs[row]!)) broken("every request ends once", timesOf(requests, row));
    }
  }
}

function timesOf({ arrivalUs, scheduledUs, firstTokenUs, finishUs }: RequestColumns, row: number): string {
  return (
    `request ${row} arrives at ${arrivalUs[row]}, is scheduled at ${scheduledUs[row]}, has its first token at ` +
    `${firstTokenUs[row]} and finishes at ${finishUs[row]} us`
  );
}

const NO_CHUNKS: PrefillChunks = {
  count: 0,
  completing: 0,
  newTokens: new Int32Array(0),
  cachedTokens: new Int32Array(0),
};

/** No replica is busy for longer than the run, nor does its steps in less time than the hardware could. */
function checkReplicas(input: SimulationInput, result: SimulationResult): void {
  let number = 0;
  for (const pool of input.pools) {
    // Whatever else a step does, it reads the weights and computes one token, or encodes for another pod.
    const leastStepUs = Math.min(pool.stepTime.floorUs(1, 1, NO_CHUNKS), pool.encoder?.encodeStepUs ?? Infinity);
    for (let index = 0; index < pool.replicas; index++) {
      const replica = result.replicas[number++]!;
      if (replica.busyUs > result.endUs) {
        broken("time", `${replica.name} was busy for ${replica.busyUs} of ${result.endUs} us`);
      }
      // Event times are whole microseconds: half of one a step may be rounded away.
      if (replica.busyUs < replica.steps * (leastStepUs - 0.5)) {
        broken(
          "no step beats the hardware",
          `${replica.name} did ${replica.steps} steps in ${replica.busyUs} us, a step takes at least ${leastStepUs} us`,
        );
      }
    }
  }
}
