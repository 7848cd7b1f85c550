import type { EngineGauges } from "./engine-listener.ts";

/**
 * The gauges that an engine shows between its steps: those of the last finished step, and where it idles with requests
 * that only wait for blocks or loads, what became of them then.
 */
export class ShownGauges {
  #running = 0;
  #waiting = 0;
  #freeBlocks: number;
  /** Since when it idles so; Infinity when it does not. */
  #settledUs: number = Infinity;
  #settledWaiting = 0;
  #settledFreeBlocks = 0;

  constructor(freeBlocks: number) {
    this.#freeBlocks = freeBlocks;
  }

  /** A step has ended. */
  show(running: number, waiting: number, freeBlocks: number): void {
    this.#running = running;
    this.#waiting = waiting;
    this.#freeBlocks = freeBlocks;
  }

  /** Blocks were freed while no step is under way to tell. */
  showFreeBlocks(freeBlocks: number): void {
    this.#freeBlocks = freeBlocks;
    this.#settledFreeBlocks = freeBlocks;
  }

  /** Nothing runs: seen after `nowUs`, and until then what was before. */
  settle(nowUs: number, waiting: number, freeBlocks: number): void {
    if (this.#settledUs < nowUs) this.show(0, this.#settledWaiting, this.#settledFreeBlocks);
    this.#settledUs = nowUs;
    this.#settledWaiting = waiting;
    this.#settledFreeBlocks = freeBlocks;
  }

  unsettle(): void {
    if (this.#settledUs < Infinity) this.#settledUs = Infinity;
  }

  at(timeUs: number, into: EngineGauges): void {
    const settled = timeUs > this.#settledUs;
    into.running = settled ? 0 : this.#running;
    into.waiting = settled ? this.#settledWaiting : this.#waiting;
    into.freeBlocks = settled ? this.#settledFreeBlocks : this.#freeBlocks;
  }
}
