/** The units of scenario files; the kernel holds them because every area below the scenario reads them too. */
export {
  BYTES_PATTERN,
  DURATION_PATTERN,
  formatBytes,
  formatDurationUs,
  parseBytes,
  parseDurationUs,
  secondsFromUs,
  usFromSeconds,
} from "../kernel/units.ts";
