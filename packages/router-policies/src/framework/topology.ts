import type { Topology } from "./data.ts";

/** From the closest on. */
export const AFFINITIES = ["host", "rack", "zone", "region"] as const;
export type Affinity = (typeof AFFINITIES)[number];

/** The closest level at which two endpoints are in one place; undefined where nothing says so. */
export function affinityOf(a: Topology, b: Topology): Affinity | undefined {
  for (const level of AFFINITIES) if (a[level] !== "" && a[level] === b[level]) return level;
  return undefined;
}
