/** Stands for every value beyond the cap. */
export const OTHER = "other";

/** Values of a label that are told apart, as upstream. */
const MAX_VALUES = 1000;
/** A name that no model has; a client can send one of megabytes. */
const MAX_LENGTH = 256;

/**
 * Bounds the values of a label that clients choose: a value that comes after the cap is reached, or that is overlong, is
 * `other`. What a value becomes never changes later.
 */
export class LabelCap {
  readonly #known = new Set<string>();
  readonly #max: number;

  constructor(max: number = MAX_VALUES) {
    this.#max = max;
  }

  of(value: string): string {
    if (value.length > MAX_LENGTH) return OTHER;
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#max) return OTHER;
    this.#known.add(value);
    return value;
  }
}
