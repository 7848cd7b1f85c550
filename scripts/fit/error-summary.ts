/** How far predictions lie from measurements. */
export interface ErrorSummary {
  readonly n: number;
  readonly mapePercent: number;
  readonly p90Percent: number;
  readonly biasPercent: number;
}

/** Relative errors of pairs of (predicted, measured). */
export function summariseErrors(pairs: readonly (readonly [predicted: number, measured: number])[]): ErrorSummary {
  const errors = pairs.map(([predicted, measured]) => predicted / measured - 1);
  const sizes = errors.map(Math.abs).sort((a, b) => a - b);
  const mean = (values: readonly number[]) => (100 * values.reduce((sum, x) => sum + x, 0)) / values.length;
  return {
    n: pairs.length,
    mapePercent: mean(sizes),
    p90Percent: 100 * (sizes[Math.floor(0.9 * (sizes.length - 1))] ?? Number.NaN),
    biasPercent: mean(errors),
  };
}

/** Cells of a table row. */
export function errorCells({ n, mapePercent, p90Percent, biasPercent }: ErrorSummary): string {
  const bias = `${biasPercent >= 0 ? "+" : ""}${biasPercent.toFixed(1)}`;
  return `${n} | ${mapePercent.toFixed(1)} | ${p90Percent.toFixed(1)} | ${bias}`;
}
