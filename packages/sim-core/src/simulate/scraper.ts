import type { LoraAdapters } from "@windtunnel/router-policies";
import type { Engine, EngineGauges } from "../engine/engine-listener.ts";
import { FLOAT_ZERO } from "../kernel/float-zero.ts";

/** What the scraper writes to: the metrics of an endpoint. */
export interface ScrapedMetrics {
  waitingQueueSize: number;
  runningRequestsSize: number;
  kvCacheUsageFraction: number;
  cacheBlockSizeTokens: number;
  cacheNumBlocks: number;
  lora?: LoraAdapters | undefined;
  updatedAtUs: number;
}

/**
 * The EPP's metrics scraper: each endpoint every `intervalUs`, at a phase that is a hash of its name. Scrapes are not
 * events. An engine that is about to change keeps what it showed at its last scrape before the change, and whoever needs
 * fresh signals asks for the endpoints whose scrape has come since the last time, in the order of their phases.
 */
export class Scraper {
  readonly #engines: readonly Engine[];
  readonly #metrics: readonly ScrapedMetrics[];
  readonly #intervalUs: number;
  /** Offset of each engine's scrapes, in [0, intervalUs). */
  readonly #phaseUs: Float64Array;
  /** Engines by phase, and the phases in that order. */
  readonly #order: Int32Array;
  readonly #totalBlocks: Int32Array;
  /** Time of the scrape that each engine's kept gauges are of; before the first, an interval before that. */
  readonly #keptUs: Float64Array;
  readonly #kept: Float64Array;
  readonly #lora: ((engine: number) => LoraAdapters | undefined) | undefined;
  readonly #keptLora: (LoraAdapters | undefined)[] = [];
  readonly #gauges: EngineGauges = { running: 0, waiting: 0, freeBlocks: 0 };
  #cursor = 0;
  /** Start of the interval that the cursor is in. */
  #cycleUs = FLOAT_ZERO;

  /** @param lora what an engine shows of its adapters since its last event; absent: none serves any */
  constructor(
    engines: readonly Engine[],
    metrics: readonly ScrapedMetrics[],
    names: readonly string[],
    intervalUs: number,
    lora?: (engine: number) => LoraAdapters | undefined,
  ) {
    this.#engines = engines;
    this.#lora = lora;
    this.#metrics = metrics;
    this.#intervalUs = intervalUs;
    this.#phaseUs = Float64Array.from(names, (name) => scrapePhaseUs(name, intervalUs));
    this.#order = Int32Array.from(engines.keys()).sort((a, b) => this.#phaseUs[a]! - this.#phaseUs[b]! || a - b);
    this.#totalBlocks = Int32Array.from(engines, ({ totalBlocks }) => totalBlocks);
    this.#keptUs = this.#phaseUs.map((phaseUs) => phaseUs - intervalUs);
    this.#kept = new Float64Array(engines.length * 3);
  }

  /** The last scrape of an engine before `timeUs`; negative before the first. */
  #lastScrapeBefore(engine: number, timeUs: number): number {
    const phaseUs = this.#phaseUs[engine]!;
    return Math.floor((timeUs - 1 - phaseUs) / this.#intervalUs) * this.#intervalUs + phaseUs;
  }

  /** Must be called before an engine does something at `nowUs`: a scrape at that very moment sees the result. */
  keep(engine: number, nowUs: number): void {
    if (nowUs > this.#keptUs[engine]! + this.#intervalUs) this.#scrape(engine, this.#lastScrapeBefore(engine, nowUs));
  }

  #scrape(engine: number, scrapeUs: number): void {
    this.#keptUs[engine] = scrapeUs;
    const gauges = this.#gauges;
    this.#engines[engine]!.gaugesAt(scrapeUs, gauges);
    this.#kept[engine * 3] = gauges.running;
    this.#kept[engine * 3 + 1] = gauges.waiting;
    this.#kept[engine * 3 + 2] = gauges.freeBlocks;
    if (this.#lora !== undefined) this.#keptLora[engine] = this.#lora(engine);
  }

  /** Brings the metrics of every endpoint to its last scrape at or before `nowUs`. */
  refresh(nowUs: number): void {
    const order = this.#order;
    const endpoints = order.length;
    // At most one round: an endpoint that was scraped several times shows the last.
    for (let visits = 0; visits < endpoints; visits++) {
      const engine = order[this.#cursor]!;
      const scrapeUs = this.#cycleUs + this.#phaseUs[engine]!;
      if (scrapeUs > nowUs) return;
      const isLast = nowUs - scrapeUs < this.#intervalUs;
      this.#show(engine, isLast ? scrapeUs : this.#lastScrapeBefore(engine, nowUs + 1));
      if (++this.#cursor === endpoints) {
        this.#cursor = 0;
        this.#cycleUs += this.#intervalUs;
      }
    }
    // All are fresh: put the cursor where the next scrape after now is.
    this.#cycleUs = Math.floor(nowUs / this.#intervalUs) * this.#intervalUs;
    this.#cursor = 0;
    while (this.#cursor < endpoints && this.#cycleUs + this.#phaseUs[order[this.#cursor]!]! <= nowUs) this.#cursor++;
    if (this.#cursor === endpoints) {
      this.#cursor = 0;
      this.#cycleUs += this.#intervalUs;
    }
  }

  #show(engine: number, scrapeUs: number): void {
    const metrics = this.#metrics[engine]!;
    const total = this.#totalBlocks[engine]!;
    if (this.#keptUs[engine]! < scrapeUs) this.#scrape(engine, scrapeUs);
    if (metrics.updatedAtUs < 0) {
      metrics.cacheBlockSizeTokens = this.#engines[engine]!.blockSizeTokens;
      // vLLM's num_gpu_blocks counts the null block.
      metrics.cacheNumBlocks = total + 1;
    }
    metrics.updatedAtUs = scrapeUs;
    metrics.runningRequestsSize = this.#kept[engine * 3]!;
    metrics.waitingQueueSize = this.#kept[engine * 3 + 1]!;
    metrics.kvCacheUsageFraction = 1 - this.#kept[engine * 3 + 2]! / total;
    if (this.#lora !== undefined) metrics.lora = this.#keptLora[engine];
  }
}

/** Phase of an endpoint's scrapes: FNV-1a of its name, modulo the interval. */
export function scrapePhaseUs(name: string, intervalUs: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % intervalUs;
}
