import * as z from "zod";
import { BYTES_PATTERN, DURATION_PATTERN, parseBytes, parseDurationUs } from "./units.ts";

/** A duration in a file people write (`250ms`, `3s`, `1h30m`), read as whole microseconds. */
export const durationUsSchema = z
  .string()
  .regex(
    DURATION_PATTERN,
    'expected a duration: a number and a unit of ns, us, ms, s, m, h, such as "250ms" or "1h30m"',
  )
  .transform(parseDurationUs)
  .describe('Duration with its unit: "250ms", "3s", "1h30m"');

/** A size in a file people write (`80GiB`, `16GB`), read as whole bytes. */
export const bytesSchema = z
  .string()
  .regex(
    BYTES_PATTERN,
    'expected a size: a number and a unit of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB, such as "80GiB"',
  )
  .transform(parseBytes)
  .describe('Size with its unit: "80GiB", "16GB"');
