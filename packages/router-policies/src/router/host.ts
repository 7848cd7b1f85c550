import type { RandomSource } from "../framework/random.ts";

/** What a router needs of whoever runs it. */
export interface RouterHost {
  /** A random stream by name; the same name and seed give the same numbers. */
  random(stream: string): RandomSource;
  /**
   * What to do with a score outside [0, 1]: upstream clamps it silently (the default); a simulation should throw, as it
   * shows a broken scorer.
   */
  readonly outOfRange?: "clamp" | "throw";
  /** Ignores subset hints, as `--disable-endpoint-subset-filter`. */
  readonly ignoreSubset?: boolean;
}

/** What the plugins of a router read, so that a host can skip the rest. */
export interface RouterNeeds {
  /** Some plugin reads scraped metrics. */
  readonly metrics: boolean;
  /** Admission reads scraped metrics for requests of negative priority, whatever `metrics` says. */
  readonly metricsForSheddable: boolean;
  readonly kvEvents: boolean;
  readonly responseStarted: boolean;
  /** When false, `responseEnded` need not be called and every ticket is 0. */
  readonly responseEnded: boolean;
}
