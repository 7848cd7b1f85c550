import { InvariantError } from "../errors.ts";
import type { LoraListener, LoraProfile } from "./lora-profile.ts";
import type { RequestsInFlight } from "./requests-in-flight.ts";
import { slowedStepTime } from "./step-time/slowed.ts";
import type { StepTimeModel } from "./step-time-model.ts";

/** What the slots of an engine are made of. */
export interface LoraParts {
  readonly profile: LoraProfile;
  /** By row, the adapter, or -1 for none; and how many adapters there are. */
  readonly adapterOf: Int32Array;
  readonly adapters: number;
  readonly listener: LoraListener;
}

/**
 * The LoRA adapters of one engine, by vLLM 0.19's rules.
 *
 * - Scheduler (`v1/core/sched/scheduler.py`, `schedule`): a batch has at most `max_loras` different adapters; a waiting
 *   request whose adapter would be one too many is passed over, for those behind it, and keeps its place before all that
 *   have not been looked at (`skipped_waiting`).
 * - Worker (`lora/worker_manager.py`, `LRUCacheWorkerLoRAManager`; `lora/model_manager.py`, `LRUCacheLoRAModelManager`):
 *   the adapters of a batch are put into slots before its forward pass, which waits; slots and host memory each give up
 *   their least recently used adapter. Both are used at the same moments, so the slots have the first `max_loras` of one
 *   order of use and host memory the first `max_cpu_loras`; an adapter is in use while a request of it runs.
 * - All adapters have been loaded once, in their order, when the engine starts, as `--lora-modules` has them loaded
 *   (`init_static_loras` in `entrypoints/openai/models/serving.py`).
 *
 * Where adapters of one batch push each other's out of slots depends on the order of a set there; here those admitted
 * first go first.
 */
export class LoraSlots {
  /** For steps with an adapter in their batch. */
  readonly stepTime: StepTimeModel;
  readonly #profile: LoraProfile;
  readonly #adapterOf: Int32Array;
  readonly #listener: LoraListener;
  readonly #requests: RequestsInFlight;
  /** By adapter, its requests in the batch; and how many adapters have some. */
  readonly #running: Int32Array;
  #runningAdapters = 0;
  /** In host memory and not in the batch, the least recently used first. */
  readonly #idle: number[] = [];
  /** Slots of waiting requests that were passed over. */
  readonly #skipped = new Set<number>();
  #loadUs = 0;

  constructor({ profile, adapterOf, adapters, listener }: LoraParts, requests: RequestsInFlight, base: StepTimeModel) {
    this.#profile = profile;
    this.#adapterOf = adapterOf;
    this.#listener = listener;
    this.#requests = requests;
    this.stepTime = slowedStepTime(base, profile.slowdown);
    this.#running = new Int32Array(adapters);
    for (let adapter = Math.max(0, adapters - profile.maxCpuLoras); adapter < adapters; adapter++) {
      this.#idle.push(adapter);
    }
  }

  /** Whether a request of an adapter is in the batch. */
  get isRunning(): boolean {
    return this.#runningAdapters > 0;
  }

  /** Whether a waiting request can join the batch, as far as its adapter is concerned. */
  mayJoin(slot: number): boolean {
    const adapter = this.#adapterOf[this.#requests.row[slot]!]!;
    return adapter < 0 || this.#running[adapter]! > 0 || this.#runningAdapters < this.#profile.maxLoras;
  }

  /** The request was looked at and passed over. */
  skip(slot: number): void {
    this.#skipped.add(slot);
    this.#listener.skipped(slot);
  }

  /** Whether a waiting request was passed over before, and so stands before all that were not. */
  wasSkipped(slot: number): boolean {
    return this.#skipped.has(slot);
  }

  /** The request joins the batch; the step waits until its adapter is in a slot. */
  enter(slot: number): void {
    this.#skipped.delete(slot);
    const adapter = this.#adapterOf[this.#requests.row[slot]!]!;
    if (adapter < 0 || this.#running[adapter]!++ > 0) return;
    const idle = this.#idle;
    const at = idle.indexOf(adapter);
    const { maxLoras, maxCpuLoras, loadUs, fetchUs } = this.#profile;
    const inSlot = at >= 0 && idle.length - at <= maxLoras - this.#runningAdapters;
    this.#runningAdapters++;
    if (this.#runningAdapters > maxLoras) {
      throw new InvariantError(`${this.#runningAdapters} adapters are in a batch, maxLoras is ${maxLoras}`);
    }
    if (at >= 0) idle.splice(at, 1);
    else if (idle.length + this.#runningAdapters > maxCpuLoras) idle.shift();
    if (inSlot) return;
    const us = at < 0 ? fetchUs + loadUs : loadUs;
    this.#loadUs += us;
    this.#listener.loaded(slot, us, at < 0);
  }

  /** The request leaves the batch. */
  leave(slot: number): void {
    const adapter = this.#adapterOf[this.#requests.row[slot]!]!;
    if (adapter < 0 || --this.#running[adapter]! > 0) return;
    this.#runningAdapters--;
    this.#idle.push(adapter);
  }

  /** The request leaves the queue for good. */
  forget(slot: number): void {
    this.#skipped.delete(slot);
  }

  /** For how long the step that starts now waits for adapters. */
  takeLoadUs(): number {
    const us = this.#loadUs;
    this.#loadUs = 0;
    return us;
  }
}
