/** A sample to fit: coordinates (one per axis) and the value wanted there. */
export interface Sample {
  readonly at: readonly number[];
  readonly value: number;
  readonly weight?: number;
}

/** Position on an axis of ascending knots: index of the left knot and the share of the right one; clamped to the ends. */
function locate(knots: readonly number[], x: number): [number, number] {
  const last = knots.length - 1;
  if (last === 0 || x <= knots[0]!) return [0, 0];
  if (x >= knots[last]!) return [last - 1, 1];
  let i = 0;
  while (knots[i + 1]! < x) i++;
  return [i, (x - knots[i]!) / (knots[i + 1]! - knots[i]!)];
}

/** The grid values (row-major, the last axis fastest) that enter the multilinear interpolation at a point. */
function corners(axes: readonly (readonly number[])[], at: readonly number[]): { index: number; share: number }[] {
  let found = [{ index: 0, share: 1 }];
  axes.forEach((knots, axis) => {
    const [i, right] = locate(knots, at[axis]!);
    found = found.flatMap(({ index, share }) => {
      const left = { index: index * knots.length + i, share: share * (1 - right) };
      return right === 0 ? [left] : [left, { index: left.index + 1, share: share * right }];
    });
  });
  return found;
}

/**
 * Grid values whose multilinear interpolation fits the samples best in absolute deviation (iteratively reweighted least
 * squares), with a light penalty on second differences along each axis, which also fills cells without samples.
 */
export function fitGrid(axes: readonly (readonly number[])[], samples: readonly Sample[], smoothness = 0.02): number[] {
  const size = axes.reduce((product, knots) => product * knots.length, 1);
  const terms = samples.map((sample) => corners(axes, sample.at));
  let values: Float64Array = new Float64Array(size);
  for (let round = 0; round < 8; round++) {
    const normal = Array.from({ length: size }, () => new Float64Array(size));
    const right = new Float64Array(size);
    samples.forEach((sample, s) => {
      const predicted = terms[s]!.reduce((sum, term) => sum + term.share * values[term.index]!, 0);
      const residual = Math.abs(sample.value - predicted);
      const weight = (sample.weight ?? 1) * (round === 0 ? 1 : 0.05 / Math.max(0.01, residual));
      for (const a of terms[s]!) {
        right[a.index]! += weight * a.share * sample.value;
        for (const b of terms[s]!) normal[a.index]![b.index]! += weight * a.share * b.share;
      }
    });
    addSmoothness(axes, normal, (smoothness * samples.length) / size);
    values = solve(normal, right);
  }
  return [...values];
}

function addSmoothness(axes: readonly (readonly number[])[], normal: Float64Array[], penalty: number): void {
  const size = normal.length;
  let stride = size;
  for (const knots of axes) {
    stride /= knots.length;
    for (let i = 0; i < size; i++) {
      normal[i]![i]! += penalty * 1e-6;
      const position = Math.floor(i / stride) % knots.length;
      if (position === 0 || position === knots.length - 1) continue;
      const entries: [number, number][] = [
        [i - stride, 1],
        [i, -2],
        [i + stride, 1],
      ];
      for (const [a, x] of entries) for (const [b, y] of entries) normal[a]![b]! += penalty * x * y;
    }
  }
}

/** Solves a symmetric positive definite system by Cholesky factorisation. */
function solve(matrix: Float64Array[], right: Float64Array): Float64Array {
  const size = right.length;
  for (let j = 0; j < size; j++) {
    const row = matrix[j]!;
    for (let k = 0; k < j; k++) row[j]! -= row[k]! ** 2;
    row[j] = Math.sqrt(Math.max(row[j]!, 1e-12));
    for (let i = j + 1; i < size; i++) {
      const below = matrix[i]!;
      let sum = below[j]!;
      for (let k = 0; k < j; k++) sum -= below[k]! * row[k]!;
      below[j] = sum / row[j]!;
    }
  }
  const solution = Float64Array.from(right);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) solution[i]! -= matrix[i]![k]! * solution[k]!;
    solution[i]! /= matrix[i]![i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) solution[i]! -= matrix[k]![i]! * solution[k]!;
    solution[i]! /= matrix[i]![i]!;
  }
  return solution;
}
