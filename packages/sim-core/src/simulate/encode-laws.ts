import { InvariantError } from "../errors.ts";
import type { SimulationInput } from "./input.ts";
import type { EncodeColumns, RequestColumns, SimulationResult } from "./result.ts";

/**
 * Checks the requests whose items were encoded on other replicas (docs/laws.md).
 *
 * @throws InvariantError naming the law and the request that breaks it
 */
export function checkEncode({ workload, disaggregation }: SimulationInput, { requests }: SimulationResult): void {
  const { encode } = requests;
  if (encode === undefined || workload.items === undefined) return;
  const { offsets, tokens } = workload.items;
  for (let row = 0; row < requests.count; row++) {
    if (encode.encodeReplica[row]! < 0 || Number.isNaN(requests.scheduledUs[row]!)) continue;
    const times = [
      ...[requests.arrivalUs, encode.encodeScheduledUs, encode.encodeFinishUs, encode.embeddingsStartUs],
      ...[encode.embeddingsEndUs, requests.scheduledUs],
    ].map((column) => column[row]!);
    if (!times.every((timeUs, at) => at === 0 || times[at - 1]! <= timeUs)) {
      broken("a prompt never starts before its embeddings are there", timesOf(requests, encode, row));
    }
    let itemTokens = 0;
    for (let item = offsets[row]!; item < offsets[row + 1]!; item++) itemTokens += tokens[item]!;
    if (encode.embeddingsBytes[row] !== itemTokens * (disaggregation?.embeddingBytesPerToken ?? 0)) {
      broken(
        "embeddings are their tokens' width",
        `request ${row}: ${encode.embeddingsBytes[row]} bytes for ${itemTokens} tokens`,
      );
    }
  }
}

function broken(law: string, what: string): never {
  throw new InvariantError(`law "${law}" is broken: ${what}`);
}

function timesOf({ arrivalUs, scheduledUs }: RequestColumns, encode: EncodeColumns, row: number): string {
  return (
    `request ${row} arrives at ${arrivalUs[row]}, is encoded from ${encode.encodeScheduledUs[row]} to ` +
    `${encode.encodeFinishUs[row]}, its embeddings move from ${encode.embeddingsStartUs[row]} to ` +
    `${encode.embeddingsEndUs[row]}, and it is scheduled at ${scheduledUs[row]} us`
  );
}
