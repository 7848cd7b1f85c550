import { processUsage } from "../support/process-usage.ts";

/** The first part of a process's life says little: code is compiled, indexes fill. */
const WARM_UP_FRACTION = 0.3;
const FEWEST_SAMPLES = 20;

/** Samples resident memory of processes and tells whether it grows. */
export class MemoryWatch {
  readonly #samples = new Map<number, number[]>();

  sample(pid: number): void {
    try {
      const { residentBytes } = processUsage(pid);
      this.#samples.set(pid, [...(this.#samples.get(pid) ?? []), residentBytes]);
    } catch {
      // It has just been replaced.
    }
  }

  /** Of the process that grows most: once warm, the mean of its second half over that of its first, less one. */
  growthFraction(): number {
    const growths = [...this.#samples.values()].filter(({ length }) => length >= FEWEST_SAMPLES).map(growth);
    return Math.max(0, ...growths);
  }

  summary(): string {
    return [...this.#samples.values()]
      .map(
        (samples) =>
          `${megabytes(samples[0]!)} to ${megabytes(samples.at(-1)!)} MB, most ${megabytes(Math.max(...samples))}`,
      )
      .join("; ");
  }
}

function growth(samples: readonly number[]): number {
  const settled = samples.slice(Math.floor(samples.length * WARM_UP_FRACTION));
  const half = Math.floor(settled.length / 2);
  return mean(settled.slice(half)) / mean(settled.slice(0, half)) - 1;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
