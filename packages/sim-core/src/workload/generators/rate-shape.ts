import { cos } from "../../kernel/math.ts";
import type { RateShape } from "../generator-schema.ts";

/** A diurnal cycle is followed in this many equal steps, each at the rate of its middle. */
const DIURNAL_STEPS = 288;

interface RateStep {
  readonly durationUs: number;
  readonly multiplier: number;
}

/**
 * Turns time as a process of constant rate counts it into time under a rate that changes: where the multiplier is 2,
 * two of its microseconds pass in one. With a Poisson process this gives exactly the inhomogeneous one.
 */
export class RateClock {
  readonly #steps: readonly RateStep[];
  #step = 0;
  #stepStartUs = 0;
  #stepStartWorkUs = 0;

  constructor(shape: RateShape | undefined) {
    this.#steps = shape === undefined ? [] : rateSteps(shape);
  }

  /** Time at which `workUs` microseconds of rate 1 have passed; callers ask in ascending order. */
  timeUs(workUs: number): number {
    if (this.#steps.length === 0) return workUs;
    for (;;) {
      const step = this.#steps[this.#step]!;
      const stepWorkUs = step.durationUs * step.multiplier;
      const restUs = workUs - this.#stepStartWorkUs;
      if (restUs <= stepWorkUs && step.multiplier > 0) return this.#stepStartUs + restUs / step.multiplier;
      this.#stepStartUs += step.durationUs;
      this.#stepStartWorkUs += stepWorkUs;
      this.#step = (this.#step + 1) % this.#steps.length;
    }
  }
}

/** The steps of one cycle of a rate shape; the cycle repeats. */
function rateSteps(shape: RateShape): readonly RateStep[] {
  switch (shape.type) {
    case "schedule":
      return shape.steps.map(({ duration, multiplier }) => ({ durationUs: duration, multiplier }));
    case "burst":
      return [
        { durationUs: shape.every - shape.length, multiplier: 1 },
        { durationUs: shape.length, multiplier: shape.multiplier },
      ];
    case "diurnal": {
      const durationUs = shape.period / DIURNAL_STEPS;
      return Array.from({ length: DIURNAL_STEPS }, (_, step) => {
        const phase = ((step + 0.5) * durationUs - shape.peakAt) / shape.period;
        return { durationUs, multiplier: 1 + shape.amplitude * cos(2 * Math.PI * phase) };
      });
    }
  }
}
