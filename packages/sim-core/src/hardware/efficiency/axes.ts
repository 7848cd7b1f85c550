import { exp } from "../../kernel/math.ts";

/**
 * Axes of the efficiency grids, in base-2 logarithms. Efficiency is the time that peak FLOP/s and peak bandwidth would
 * take over the time measured; between knots its logarithm is interpolated linearly along each axis, outside it is
 * that of the nearest end.
 */
export type Axes = readonly (readonly number[])[];

/** Tokens, output width, input width of a linear layer. */
export const GEMM_AXES: Axes = [
  [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14],
  [9, 11, 13, 15],
  [9, 11, 13, 15],
];
/**
 * Prompt length, sequences x heads of 128, of whole prompts. Below one head lie short chunks after long prefixes, measured
 * on RTX PRO 6000 alone: other devices fall off from one head, and beyond 2^14 tokens, in the proportion that it does.
 */
export const PREFILL_AXES: Axes = [
  [4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16],
  [-8, -6, -4, -2, 0, 2, 4, 6, 8, 10, 12],
];
/** Sequences x KV heads of 128, context of each. */
export const DECODE_AXES: Axes = [
  [0, 2, 4, 5, 6, 7, 8, 10, 13],
  [4, 7, 8, 9, 10, 11, 12, 13, 14, 17],
];
/** Tokens for each expert, weights of an expert, experts. */
export const EXPERT_AXES: Axes = [
  [-9, -6, -4, -2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12],
  [18, 21, 23, 25, 27],
  [3, 5, 7, 9],
];
/** Prompt length, sequences x heads, of latent attention. */
export const LATENT_PREFILL_AXES: Axes = [
  [4, 6, 8, 10, 12, 14],
  [0, 3, 5, 7, 10, 13],
];
/** Sequences, context of each, heads, of latent attention. */
export const LATENT_DECODE_AXES: Axes = [
  [0, 2, 4, 6, 8, 10],
  [4, 8, 10, 12, 14, 17],
  [0, 3, 5, 7],
];
/** Elements of an all-reduce. */
export const ALL_REDUCE_AXIS: readonly number[] = Array.from({ length: 23 }, (_, i) => 7 + i);

/** Multilinear interpolation of a grid's logarithms. */
export interface LogGrid {
  readonly axes: Axes;
  /** Natural logarithms, row-major, the last axis fastest. */
  readonly values: Float64Array;
}

function interpolate(grid: LogGrid, axis: number, offset: number, at: readonly number[]): number {
  if (axis === grid.axes.length) return grid.values[offset]!;
  const knots = grid.axes[axis]!;
  const x = at[axis]!;
  const last = knots.length - 1;
  const base = offset * knots.length;
  if (x <= knots[0]!) return interpolate(grid, axis + 1, base, at);
  if (x >= knots[last]!) return interpolate(grid, axis + 1, base + last, at);
  let i = 0;
  while (knots[i + 1]! < x) i++;
  const left = interpolate(grid, axis + 1, base + i, at);
  const right = interpolate(grid, axis + 1, base + i + 1, at);
  return left + ((right - left) * (x - knots[i]!)) / (knots[i + 1]! - knots[i]!);
}

/** The grid's value at a point of base-2 logarithms. */
export function gridAt(grid: LogGrid, ...at: number[]): number {
  return exp(interpolate(grid, 0, 0, at));
}
