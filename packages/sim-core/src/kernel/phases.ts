/**
 * Order of what happens at one microsecond: the only table of it. Within a phase the lower entity goes first (replica
 * index, request row), never the one created first: the fast and the plain path create different numbers of events.
 *
 * A step ends before anything looks at the engine, and so does a transfer, which may wait for that step's end; signals are
 * refreshed before a router decides; a leg of a request that is under way goes before a new arrival; a request that arrives
 * at the very moment a step starts is in time for it.
 */
export const Phase = {
  stepEnd: 0,
  transferEnd: 1,
  scrape: 2,
  kvEvents: 3,
  leg: 4,
  arrival: 5,
  stepStart: 6,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

const PHASES = 8;

/** One sortable number for (time, phase). Exact while the time stays below 2^50 microseconds, 35 years. */
export const eventKey = (timeUs: number, phase: Phase): number => timeUs * PHASES + phase;

export const keyTimeUs = (key: number): number => Math.floor(key * (1 / PHASES));

// Not `%`: the remainder of two floats is a slow library call.
export const keyPhase = (key: number): Phase => (key - keyTimeUs(key) * PHASES) as Phase;
