import { InvariantError } from "../errors.ts";
import type { SimulationResult } from "./result.ts";

/** Sums of fractions of a microsecond's worth of bytes. */
const ROUNDING = 1 + 1e-9;

/**
 * Checks that no link has carried more than it can, whoever sent it (docs/laws.md).
 *
 * @throws InvariantError naming the law and the link that breaks it
 */
export function checkLinks({ links }: SimulationResult): void {
  for (const { name, bytesPerSecond, carriedBytes, busyUs } of links ?? []) {
    if (carriedBytes > ((busyUs * bytesPerSecond) / 1e6) * ROUNDING + 1) {
      throw new InvariantError(
        `law "bandwidth" is broken: ${name} carried ${carriedBytes} bytes in ${busyUs} us at ${bytesPerSecond} a second`,
      );
    }
  }
}
