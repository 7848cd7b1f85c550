import type { Engine, EngineGauges } from "../engine/engine-listener.ts";
import type { Series } from "./result.ts";

/** Samples every replica's gauges at a common grid of times. */
export class SeriesRecorder {
  readonly #engines: readonly Engine[];
  readonly #intervalUs: number;
  readonly #gauges: EngineGauges = { running: 0, waiting: 0, freeBlocks: 0 };
  #samples = 0;
  #running = new Float64Array(1024);
  #waiting = new Float64Array(1024);
  #kvUsageFraction = new Float64Array(1024);

  constructor(engines: readonly Engine[], intervalUs: number) {
    this.#engines = engines;
    this.#intervalUs = intervalUs;
  }

  /** Takes the samples that fall before `nowUs`; to be called before anything happens at `nowUs`. */
  sampleUntil(nowUs: number): void {
    while (this.#samples * this.#intervalUs < nowUs) this.#sample(this.#samples * this.#intervalUs);
  }

  #sample(timeUs: number): void {
    const replicas = this.#engines.length;
    let at = this.#samples++ * replicas;
    if (at + replicas > this.#running.length) this.#grow(at + replicas);
    for (const engine of this.#engines) {
      engine.gaugesAt(timeUs, this.#gauges);
      this.#running[at] = this.#gauges.running;
      this.#waiting[at] = this.#gauges.waiting;
      this.#kvUsageFraction[at++] = 1 - this.#gauges.freeBlocks / engine.totalBlocks;
    }
  }

  #grow(needed: number): void {
    const size = Math.max(needed, this.#running.length * 2);
    this.#running = extended(this.#running, size);
    this.#waiting = extended(this.#waiting, size);
    this.#kvUsageFraction = extended(this.#kvUsageFraction, size);
  }

  result(): Series {
    const replicas = this.#engines.length;
    const length = this.#samples * replicas;
    return {
      intervalUs: this.#intervalUs,
      samples: this.#samples,
      replicas,
      running: this.#running.slice(0, length),
      waiting: this.#waiting.slice(0, length),
      kvUsageFraction: this.#kvUsageFraction.slice(0, length),
    };
  }
}

function extended(from: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(size);
  to.set(from);
  return to;
}
