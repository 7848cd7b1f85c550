const STEPS_PER_OCTAVE_BITS = 6;

/** Gaps between tokens in logarithmic buckets, read off the bits of a float: exact counts, 1/64-octave buckets. */
export class ItlRecorder {
  readonly counts = new Float64Array(64 * 64);
  readonly #float = new Float64Array(1);
  readonly #words = new Uint32Array(this.#float.buffer);

  /** `tokens` gaps of `gapUs` microseconds each. */
  add(gapUs: number, tokens: number): void {
    this.counts[this.bucketOf(gapUs)]! += tokens;
  }

  /** Bucket of a gap; gaps below a microsecond share the first. */
  bucketOf(gapUs: number): number {
    if (gapUs < 1) return 0;
    this.#float[0] = gapUs;
    // Exponent and top mantissa bits: piecewise linear within an octave.
    return (this.#words[1]! >>> (20 - STEPS_PER_OCTAVE_BITS)) - (1023 << STEPS_PER_OCTAVE_BITS);
  }

  static bucketLowUs(bucket: number): number {
    const steps = 1 << STEPS_PER_OCTAVE_BITS;
    const octave = Math.floor(bucket / steps);
    return (1 + (bucket % steps) / steps) * 2 ** octave;
  }
}
