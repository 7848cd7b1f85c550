import { InvariantError } from "../errors.ts";
import type { SimulationInput } from "./input.ts";
import { type DisaggregationColumns, Outcome, type RequestColumns, type SimulationResult } from "./result.ts";

/**
 * Checks the requests that were prefilled on one replica and decoded on another (docs/laws.md).
 *
 * @throws InvariantError naming the law and the request that breaks it
 */
export function checkDisaggregation(input: SimulationInput, { requests }: SimulationResult): void {
  const legs = requests.disaggregation;
  if (legs === undefined || input.disaggregation === undefined) return;
  for (let row = 0; row < requests.count; row++) {
    if (legs.prefillReplica[row]! < 0) continue;
    if (!Number.isNaN(legs.transferEndUs[row]!)) {
      checkTransfer(input, requests, legs, row);
    } else if (requests.outcome[row] === Outcome.completed) {
      const gaveUp =
        legs.prefillFailures[row]! > input.disaggregation.prefillMaxRetries || legs.holdTimeouts[row] === 1;
      if (!gaveUp)
        broken("a decode never starts before its KV is there", `no transfer; ${timesOf(requests, legs, row)}`);
    }
  }
}

function checkTransfer(
  input: SimulationInput,
  requests: RequestColumns,
  legs: DisaggregationColumns,
  row: number,
): void {
  const { transfer, kvBytesPerToken, stateBytes } = input.disaggregation!;
  const finishUs = legs.prefillFinishUs[row]!;
  const startUs = legs.transferStartUs[row]!;
  const endUs = legs.transferEndUs[row]!;
  if (!(finishUs <= (transfer === "pull" ? startUs : endUs)) || !(startUs <= endUs)) {
    broken("a transfer's end never precedes its source's prefill", timesOf(requests, legs, row));
  }
  if (legs.decodeScheduledUs[row]! < endUs || requests.firstTokenUs[row]! <= endUs) {
    broken("a decode never starts before its KV is there", timesOf(requests, legs, row));
  }
  const tokens = requests.promptTokens[row]! - legs.decodeCachedTokens[row]!;
  if (legs.transferredBytes[row] !== tokens * kvBytesPerToken + stateBytes) {
    broken(
      "a transfer is its tokens' KV cache",
      `request ${row}: ${legs.transferredBytes[row]} bytes for ${tokens} tokens`,
    );
  }
}

function broken(law: string, what: string): never {
  throw new InvariantError(`law "${law}" is broken: ${what}`);
}

function timesOf(requests: RequestColumns, legs: DisaggregationColumns, row: number): string {
  return (
    `request ${row} is prefilled at ${legs.prefillFinishUs[row]}, its KV cache moves from ${legs.transferStartUs[row]} to ` +
    `${legs.transferEndUs[row]}, its decode is scheduled at ${legs.decodeScheduledUs[row]} and has its first token at ` +
    `${requests.firstTokenUs[row]} us`
  );
}
