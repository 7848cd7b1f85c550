import type { Comparison } from "./section.ts";

export function parityPage(comparisons: readonly Comparison[]): string {
  return comparisons.map(({ subject }) => subject).join("\n");
}
