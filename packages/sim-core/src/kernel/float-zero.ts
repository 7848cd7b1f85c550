/**
 * Zero as the first value of a field that will hold times or other numbers beyond 31 bits. It is a float from the start:
 * where a field goes from small integers to floats in the middle of a run, V8 gives its object another layout and throws
 * away the code that it compiled for the first. A sum of it and a number is that number, plain zero included.
 */
export const FLOAT_ZERO = -0;
