/** A named stream of random numbers that the host hands over; the router has no randomness of its own. */
export interface RandomSource {
  /** A float in [0, 1). */
  next(): number;
}
