import { log2 } from "../../kernel/math.ts";
import { gridAt, type LogGrid } from "./axes.ts";

const STEPS_PER_OCTAVE = 2;
const OCTAVES = 22;
const SIZE = OCTAVES * STEPS_PER_OCTAVE;
/** The second coordinate goes down to 2^-8. */
const SECOND_SCALE = 256;
const INVERSE_POWERS = Float64Array.from({ length: OCTAVES + 1 }, (_, e) => 1 / 2 ** e);

/** The number at a position: each octave is cut in equal parts, so that a position needs no logarithm. */
function numberAt(position: number): number {
  const octave = Math.floor(position / STEPS_PER_OCTAVE);
  return 2 ** octave * (1 + (position % STEPS_PER_OCTAVE) / STEPS_PER_OCTAVE);
}

function positionOf(x: number): number {
  const octave = 31 - Math.clz32(x);
  return STEPS_PER_OCTAVE * (octave + x * INVERSE_POWERS[octave]! - 1);
}

/**
 * One over the efficiency of a two-axis grid, resampled for a lookup without a logarithm: prefill attention is asked for
 * in every mixed step. Interpolated linearly; one or more everywhere.
 */
export class SlowdownTable {
  readonly #values = new Float64Array(SIZE * SIZE);

  constructor(grid: LogGrid) {
    const logs = Float64Array.from({ length: SIZE }, (_, position) => log2(numberAt(position)));
    const scaleLog = log2(SECOND_SCALE);
    for (let i = 0; i < SIZE; i++) {
      for (let j = 0; j < SIZE; j++) this.#values[i * SIZE + j] = 1 / gridAt(grid, logs[i]!, logs[j]! - scaleLog);
    }
  }

  /** The slowdown at a length of 1 to 2^21 and a second coordinate of 1/256 to 2^13; beyond them that of the end. */
  at(length: number, second: number): number {
    const row = Math.min(positionOf(Math.max(1, length)), SIZE - 1.001);
    const column = Math.min(positionOf(Math.max(1, second * SECOND_SCALE)), SIZE - 1.001);
    const i = Math.floor(row);
    const j = Math.floor(column);
    const down = row - i;
    const across = column - j;
    const values = this.#values;
    const index = i * SIZE + j;
    const near = values[index]! + (values[index + 1]! - values[index]!) * across;
    const far = values[index + SIZE]! + (values[index + SIZE + 1]! - values[index + SIZE]!) * across;
    return near + (far - near) * down;
  }
}
