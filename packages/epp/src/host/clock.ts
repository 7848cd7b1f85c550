/** Tells the time to everything around the router: integer microseconds since the process began, never going back. */
export interface Clock {
  nowUs(): number;
}

export const monotonicClock: Clock = {
  nowUs: () => Math.round(performance.now() * 1000),
};
