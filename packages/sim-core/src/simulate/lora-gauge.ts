import type { LoraAdapters } from "@windtunnel/router-policies";

/**
 * The adapters that one engine's `vllm:lora_requests_info` shows, as of the output of its last finished step.
 *
 * vLLM 0.19 hears of a request being queued or scheduled with the first token that it gets (`update_from_events` in
 * `v1/metrics/stats.py`, from the events of an `EngineCoreOutput`): so an adapter is shown from the first token of a
 * request of it to the end of its last, and none is ever shown as waiting.
 */
export class LoraGauge {
  readonly #names: readonly string[];
  readonly #maxActive: number;
  /** Adapters with requests that have had a token, in the order in which they came, and how many those are. */
  readonly #requests = new Map<number, number>();
  /** Slots of such requests. */
  readonly #slots = new Set<number>();
  #shown: LoraAdapters;

  constructor(names: readonly string[], maxActive: number) {
    this.#names = names;
    this.#maxActive = maxActive;
    this.#shown = { running: [], waiting: [], maxActive };
  }

  get shown(): LoraAdapters {
    return this.#shown;
  }

  firstToken(slot: number, adapter: number): void {
    this.#slots.add(slot);
    const before = this.#requests.get(adapter) ?? 0;
    this.#requests.set(adapter, before + 1);
    if (before === 0) this.#show();
  }

  ended(slot: number, adapter: number): void {
    if (!this.#slots.delete(slot)) return;
    const left = this.#requests.get(adapter)! - 1;
    if (left > 0) {
      this.#requests.set(adapter, left);
      return;
    }
    this.#requests.delete(adapter);
    this.#show();
  }

  /** A router may still hold what was shown before, so it is never changed. */
  #show(): void {
    const running = [...this.#requests.keys()].map((adapter) => this.#names[adapter]!);
    this.#shown = { running, waiting: [], maxActive: this.#maxActive };
  }
}
