import { log, pow } from "../../kernel/math.ts";
import { normalQuantile } from "../../kernel/normal.ts";
import { counterUniform, streamId } from "../../kernel/random.ts";
import type { Arrivals } from "../generator-schema.ts";
import { gammaFunction, openUniform } from "./distributions.ts";
import { RateClock } from "./rate-shape.ts";

/** When to stop: after so many arrivals, or at a time (an arrival exactly then still counts). */
export type ArrivalLimit = { readonly count: number } | { readonly durationUs: number };

/** Arrival times in whole microseconds, ascending; draw i belongs to arrival i, so a longer run starts the same way. */
export function arrivalTimesUs(arrivals: Arrivals, limit: ArrivalLimit, seed: number): Float64Array {
  const nextGap = gapSource(arrivals, seed);
  const meanGapUs = 1_000_000 / arrivals.rate;
  const clock = new RateClock(arrivals.rateShape);
  const constant = arrivals.process === "constant";
  const count = "count" in limit ? limit.count : Number.POSITIVE_INFINITY;
  const endUs = "count" in limit ? Number.POSITIVE_INFINITY : limit.durationUs;
  let times = new Float64Array("count" in limit ? limit.count : 1024);
  let gaps = 0;
  let index = 0;
  for (; index < count; index++) {
    gaps = constant ? index + 1 : gaps + nextGap(index);
    const timeUs = Math.round(clock.timeUs(gaps * meanGapUs));
    if (timeUs > endUs) break;
    if (index === times.length) times = grown(times);
    times[index] = timeUs;
  }
  return index === times.length ? times : times.slice(0, index);
}

function grown(times: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(times.length * 2);
  larger.set(times);
  return larger;
}

/** Gaps with mean 1, by arrival index. */
function gapSource(arrivals: Arrivals, seed: number): (index: number) => number {
  const stream = streamId("synthetic/arrivals");
  switch (arrivals.process) {
    case "poisson":
      return (index) => -log(1 - counterUniform(seed, stream, index));
    case "gamma": {
      const shape = 1 / (arrivals.cv * arrivals.cv);
      return (index) => gammaDraw(shape, seed, stream, index) / shape;
    }
    case "weibull": {
      const inverseShape = 1 / arrivals.shape;
      const mean = gammaFunction(1 + inverseShape);
      return (index) => pow(-log(1 - counterUniform(seed, stream, index)), inverseShape) / mean;
    }
    case "constant":
      return () => 1;
  }
}

/**
 * Draw `index` of the gamma distribution with this shape and scale 1: Marsaglia and Tsang, "A simple method for
 * generating gamma variables", ACM TOMS 26 (2000); below shape 1 by their boost with U^(1/shape). Each attempt of the
 * rejection reads streams of its own, so that how many there were shifts no other draw.
 */
export function gammaDraw(shape: number, seed: number, stream: number, index: number): number {
  if (shape < 1) {
    const uniform = openUniform(counterUniform(seed, streamAt(stream, 0), index));
    return gammaDraw(shape + 1, seed, stream, index) * pow(uniform, 1 / shape);
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let attempt = 0; ; attempt++) {
    const x = normalQuantile(openUniform(counterUniform(seed, streamAt(stream, 2 * attempt + 1), index)));
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const uniform = openUniform(counterUniform(seed, streamAt(stream, 2 * attempt + 2), index));
    if (log(uniform) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
  }
}

/** The k-th sub-stream of a stream. */
export function streamAt(stream: number, k: number): number {
  return (stream + Math.imul(k, 0x9e3779b1)) | 0;
}
