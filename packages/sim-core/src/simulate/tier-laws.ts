import { InvariantError } from "../errors.ts";
import type { RequestColumns, SimulationResult } from "./result.ts";

/**
 * Checks what requests took from tiers below HBM, and the tiers themselves (docs/laws.md).
 *
 * @throws InvariantError naming the law and the request, or tier that breaks it
 */
export function checkTiers({ requests, kvTiers }: SimulationResult): void {
  if (requests.tiers === undefined || kvTiers === undefined) return;
  for (const { tier, of, capacityBlocks, peakBlocks, usedBlocks } of kvTiers.tiers) {
    if (peakBlocks > capacityBlocks || usedBlocks < 0) {
      broken("tiers' capacities hold", `${tier} of ${of} held ${peakBlocks} of ${capacityBlocks} blocks`);
    }
  }
  for (let row = 0; row < requests.count; row++) checkRow(requests, row);
}

function checkRow(requests: RequestColumns, row: number): void {
  const { tiers, scheduledUs, arrivalUs } = requests;
  const { hitTokens, loadStartUs, loadEndUs } = tiers!;
  let hits = 0;
  for (let at = 0; at < hitTokens.length; at++) hits += hitTokens[at]![row]!;
  if (hits === 0) return;
  const startUs = loadStartUs[row]!;
  const endUs = loadEndUs[row]!;
  if (!(arrivalUs[row]! <= startUs) || startUs > endUs) {
    broken("causality", `request ${row} arrives at ${arrivalUs[row]} and loads from ${startUs} to ${endUs} us`);
  }
  // One whose client has gone, or the run was stopped, is not computed.
  if (Number.isNaN(scheduledUs[row]!)) return;
  // Two replicas may have to do with one that is prefilled elsewhere, and either may have loaded.
  if ((requests.disaggregation?.prefillReplica[row] ?? -1) >= 0) return;
  if (hits > requests.cachedTokens[row]!) {
    broken("tier hits are part of the hits", `request ${row}: ${hits} of ${requests.cachedTokens[row]} cached tokens`);
  }
  if (scheduledUs[row]! < endUs) {
    broken("a step never starts before its KV is there", `request ${row} loads until ${endUs} us`);
  }
}

function broken(law: string, what: string): never {
  throw new InvariantError(`law "${law}" is broken: ${what}`);
}
