import { InvariantError } from "../errors.ts";
import type { SimulationResult } from "./result.ts";

/**
 * Checks what requests waited for their adapters (docs/laws.md).
 *
 * @throws InvariantError naming the law and the request that breaks it
 */
export function checkLora({ requests }: SimulationResult): void {
  const { lora, arrivalUs, scheduledUs, firstTokenUs, count } = requests;
  if (lora === undefined) return;
  for (let row = 0; row < count; row++) {
    // Two replicas may have to do with one that is prefilled elsewhere, each with its own slots.
    if ((requests.disaggregation?.prefillReplica[row] ?? -1) >= 0) continue;
    const skippedUs = lora.skippedUs[row]!;
    if (skippedUs < arrivalUs[row]! || skippedUs >= scheduledUs[row]!) {
      broken(`request ${row} arrives at ${arrivalUs[row]}, is passed over at ${skippedUs} us`);
    }
    if (firstTokenUs[row]! - scheduledUs[row]! <= lora.loadUs[row]!) {
      broken(`request ${row} waits ${lora.loadUs[row]} us for its adapter and has its first token before that`);
    }
  }
}

function broken(what: string): never {
  throw new InvariantError(`law "a step never starts before its adapters are there" is broken: ${what}`);
}
