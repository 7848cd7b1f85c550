import type { EndpointMetrics, LoraAdapters } from "@windtunnel/router-policies";
import type { EngineMapping } from "./engine-mapping.ts";
import { labelsOf, readPage, ScrapePlan, ScrapeReading, type WantedSeries } from "./prometheus-text.ts";

/** What one page told. */
export interface EngineReading {
  /** Metrics that the page has; one that it lacks keeps its value. */
  readonly metrics: Partial<EndpointMetrics>;
  /** Some metric was read: the page counts as fresh. */
  readonly fresh: boolean;
  /** Metrics that the page should have and has not, or that cannot be read. */
  readonly missing: number;
}

/** What is kept of one endpoint from page to page. */
export interface EngineState {
  /** Undefined before a page has told. */
  lora: LoraAdapters | undefined;
  /** Values of the mapping's custom metrics by attribute key. */
  readonly custom: Map<string, number>;
  /** Labels are looked at again only when their bytes change. */
  cacheLabels: Buffer | undefined;
  cache: CacheLabels;
  loraLabels: Buffer | undefined;
}

interface CacheLabels {
  readonly blockSizeTokens: number;
  /** Undefined keeps the value. */
  readonly numBlocks: number | undefined;
  readonly malformed: number;
}

export const newEngineState = (): EngineState => ({
  lora: undefined,
  custom: new Map(),
  cacheLabels: undefined,
  cache: { blockSizeTokens: 0, numBlocks: undefined, malformed: 0 },
  loraLabels: undefined,
});

/** Reads the metrics pages of one engine. */
export class EngineMetrics {
  readonly mapping: EngineMapping;
  readonly #plan: ScrapePlan;
  readonly #reading: ScrapeReading;
  readonly #queued: number;
  readonly #running: number;
  readonly #kvUsage: number;
  readonly #lora: number;
  readonly #cacheInfo: number;
  readonly #blockSize: number;
  readonly #numBlocks: number;
  readonly #custom: readonly number[];

  constructor(mapping: EngineMapping) {
    this.mapping = mapping;
    const wanted: WantedSeries[] = [];
    const want = (spec: WantedSeries["spec"] | undefined, pick: WantedSeries["pick"] = "newest"): number =>
      spec === undefined ? -1 : wanted.push({ spec, pick }) - 1;
    this.#queued = want(mapping.queuedRequests);
    this.#running = want(mapping.runningRequests);
    this.#kvUsage = want(mapping.kvUsage);
    // Each combination of adapters is a series of its own, whose value is when it began.
    this.#lora = want(mapping.lora, "greatest");
    this.#cacheInfo = want(mapping.cacheInfo);
    this.#blockSize = want(mapping.cacheBlockSize);
    this.#numBlocks = want(mapping.cacheNumBlocks);
    this.#custom = mapping.custom.map(({ spec }) => want(spec));
    this.#plan = new ScrapePlan(wanted);
    this.#reading = new ScrapeReading(this.#plan);
  }

  /** Reads a page between two offsets. */
  read(page: Buffer, from: number, to: number, state: EngineState): EngineReading {
    const reading = this.#reading;
    readPage(page, from, to, this.#plan, reading);
    const { found, values } = reading;
    const metrics: Partial<EndpointMetrics> = {};
    let missing = 0;
    let fresh = false;
    const has = (index: number): boolean => {
      if (index < 0) return false;
      if (found[index] === 0) missing++;
      else fresh = true;
      return found[index] === 1;
    };
    if (has(this.#queued)) metrics.waitingQueueSize = goInt(values[this.#queued]!);
    if (has(this.#running)) metrics.runningRequestsSize = goInt(values[this.#running]!);
    if (has(this.#kvUsage)) metrics.kvCacheUsageFraction = values[this.#kvUsage]!;
    if (has(this.#cacheInfo)) {
      const { blockSizeTokens, numBlocks, malformed } = this.#cacheLabels(page, state);
      metrics.cacheBlockSizeTokens = blockSizeTokens;
      if (numBlocks !== undefined) metrics.cacheNumBlocks = numBlocks;
      missing += malformed;
    }
    if (has(this.#blockSize)) metrics.cacheBlockSizeTokens = goInt(values[this.#blockSize]!);
    if (has(this.#numBlocks)) metrics.cacheNumBlocks = goInt(values[this.#numBlocks]!);
    this.#readCustom(has, state);
    // A server without adapters has no such family: not worth a word.
    if (this.#lora >= 0 && found[this.#lora] === 1) {
      fresh = true;
      const before = state.lora;
      this.#readLora(page, state);
      if (state.lora !== before) metrics.lora = state.lora;
    }
    return { metrics, fresh, missing };
  }

  #readCustom(has: (index: number) => boolean, state: EngineState): void {
    for (let i = 0; i < this.#custom.length; i++) {
      const index = this.#custom[i]!;
      if (has(index)) state.custom.set(this.mapping.custom[i]!.attributeKey, this.#reading.values[index]!);
    }
  }

  #cacheLabels(page: Buffer, state: EngineState): CacheLabels {
    const { labelsFrom, labelsTo } = this.#reading;
    const from = labelsFrom[this.#cacheInfo]!;
    const to = labelsTo[this.#cacheInfo]!;
    if (sameBytes(state.cacheLabels, page, from, to)) return state.cache;
    state.cacheLabels = copyOf(page, from, to);
    const labels = labelsOf(page, from, to);
    const given = (name: string): string => labels.findLast((label) => label.name === name)?.value ?? "";
    const blockSize = wholeNumber(given(this.mapping.cacheBlockSizeLabel));
    const numBlocks = wholeNumber(given(this.mapping.cacheNumBlocksLabel));
    state.cache = {
      blockSizeTokens: blockSize.value ?? 0,
      numBlocks: numBlocks.value,
      malformed: blockSize.malformed + numBlocks.malformed,
    };
    return state.cache;
  }

  #readLora(page: Buffer, state: EngineState): void {
    const from = this.#reading.labelsFrom[this.#lora]!;
    const to = this.#reading.labelsTo[this.#lora]!;
    if (sameBytes(state.loraLabels, page, from, to)) return;
    state.loraLabels = copyOf(page, from, to);
    const labels = labelsOf(page, from, to);
    const given = (name: string): string => labels.findLast((label) => label.name === name)?.value ?? "";
    state.lora = {
      running: adapters(given("running_lora_adapters")),
      waiting: adapters(given("waiting_lora_adapters")),
      maxActive: wholeNumber(given("max_lora")).value ?? state.lora?.maxActive ?? 0,
    };
  }
}

const INT64_MIN = -(2 ** 63);

/**
 * A gauge as upstream's whole number: cut at the decimal point; what no 64-bit integer holds, NaN included, becomes the
 * smallest one, as Go's conversion does on amd64.
 */
function goInt(value: number): number {
  return Math.abs(value) < 2 ** 63 ? Math.trunc(value) + 0 : INT64_MIN;
}

/** A label's whole number; nothing for an empty one. */
function wholeNumber(text: string): { value: number | undefined; malformed: number } {
  if (text === "") return { value: undefined, malformed: 0 };
  if (/^[+-]?\d{1,18}$/.test(text)) return { value: Number(text) + 0, malformed: 0 };
  return { value: undefined, malformed: 1 };
}

function adapters(list: string): string[] {
  const names = list.split(",").map((name) => name.trim());
  return [...new Set(names)].filter((name) => name !== "");
}

function sameBytes(known: Buffer | undefined, page: Buffer, from: number, to: number): boolean {
  return known !== undefined && known.length === to - from && page.compare(known, 0, known.length, from, to) === 0;
}

function copyOf(page: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(to - from);
  page.copy(copy, 0, from, to);
  return copy;
}
