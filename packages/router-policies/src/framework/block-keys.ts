/**
 * Prefix-chained identities of a prompt's blocks, front to back, as pairs of 32-bit integers: equal pairs mean equal
 * blocks with equal whole prefixes. The host makes them (the EPP hashes tokens, the simulator uses the trace's ids);
 * a policy only compares them.
 *
 * The arrays are the maker's: nobody else writes them, and they hold until the maker is asked for another request's keys.
 * They may be longer than `length`.
 */
export interface BlockKeys {
  length: number;
  hi: Int32Array;
  lo: Int32Array;
}
