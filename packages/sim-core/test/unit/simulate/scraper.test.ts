import type { DecisionRecord } from "@windtunnel/router-policies";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Engine, EngineGauges } from "../../../src/engine/engine-listener.ts";
import { type ScrapedMetrics, Scraper, scrapePhaseUs } from "../../../src/simulate/scraper.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { bentStepTime } from "../../support/bent-step-time.ts";
import { constantStep, onePool } from "../../support/one-replica.ts";
import { randomWorkload } from "../../support/random-workload.ts";
import { rows } from "../../support/rows.ts";

/** An engine of ten blocks that only has gauges: `running` as it is set, everything else from it. */
class Dial implements Engine {
  running = 0;
  looks = 0;
  readonly nextKey = Infinity;
  readonly evictedBlocks = 0;
  readonly blockSizeTokens = 16;
  readonly totalBlocks = 10;
  get counters(): never {
    throw new Error("not asked");
  }
  enqueue(): void {}
  loaded(): void {}
  loadFailed(): void {}
  abort(): void {}
  reconsider(): void {}
  releaseHeld(): void {}
  run(): void {}
  publishUntil(): void {}
  gaugesAt(_timeUs: number, into: EngineGauges): void {
    this.looks++;
    into.running = this.running;
    into.waiting = this.running * 2;
    into.freeBlocks = 10 - this.running;
  }
}

const INTERVAL_US = 1_000;
const NAMES = ["pool-0", "pool-1", "pool-2"];
const PHASES = NAMES.map((name) => scrapePhaseUs(name, INTERVAL_US));

function setUp() {
  const engines = NAMES.map(() => new Dial());
  const metrics = NAMES.map(
    (): ScrapedMetrics => ({
      waitingQueueSize: 0,
      runningRequestsSize: 0,
      kvCacheUsageFraction: 0,
      cacheBlockSizeTokens: 0,
      cacheNumBlocks: 0,
      updatedAtUs: -1,
    }),
  );
  return { engines, metrics, scraper: new Scraper(engines, metrics, NAMES, INTERVAL_US) };
}

describe("Scraper", () => {
  it("has a phase for each name: its FNV-1a hash modulo the interval", () => {
    // FNV-1a of "a" is e40c292c, 3,826,002,220.
    expect(scrapePhaseUs("a", 50_000)).toBe(2_220);
    expect(new Set(PHASES).size).toBe(3);
  });

  it("shows nothing of an endpoint before its first scrape, and all of it then", () => {
    const { engines, metrics, scraper } = setUp();
    const [phase] = PHASES as [number];
    engines[0]!.running = 3;
    scraper.refresh(phase - 1);
    expect(metrics[0]!.updatedAtUs).toBe(-1);
    scraper.refresh(phase);
    expect(metrics[0]).toEqual({
      runningRequestsSize: 3,
      waitingQueueSize: 6,
      kvCacheUsageFraction: 1 - 7 / 10,
      cacheBlockSizeTokens: 16,
      cacheNumBlocks: 11,
      updatedAtUs: phase,
    });
  });

  it("keeps what an engine showed at its last scrape when it changes after it", () => {
    const { engines, metrics, scraper } = setUp();
    const [phase] = PHASES as [number];
    engines[0]!.running = 3;
    scraper.keep(0, phase + 400);
    engines[0]!.running = 9;
    scraper.refresh(phase + 500);
    expect([metrics[0]!.runningRequestsSize, metrics[0]!.updatedAtUs]).toEqual([3, phase]);
    scraper.refresh(phase + 1_000);
    expect([metrics[0]!.runningRequestsSize, metrics[0]!.updatedAtUs]).toEqual([9, phase + 1_000]);
  });

  it("sees at a scrape what a step did that ended at that very microsecond", () => {
    const { engines, metrics, scraper } = setUp();
    const [phase] = PHASES as [number];
    engines[0]!.running = 3;
    scraper.keep(0, phase);
    engines[0]!.running = 9;
    scraper.refresh(phase);
    expect(metrics[0]!.runningRequestsSize).toBe(9);
  });

  it("goes on at the right scrape after a long time without one", () => {
    const { metrics, scraper } = setUp();
    const longAfterUs = 123 * INTERVAL_US + 500;
    scraper.refresh(longAfterUs);
    const last = (nowUs: number): number[] =>
      PHASES.map((phase) => Math.floor((nowUs - phase) / INTERVAL_US) * INTERVAL_US + phase);
    expect(metrics.map(({ updatedAtUs }) => updatedAtUs)).toEqual(last(longAfterUs));
    for (let nowUs = longAfterUs; nowUs < longAfterUs + 3_000; nowUs += 37) {
      scraper.refresh(nowUs);
      expect(metrics.map(({ updatedAtUs }) => updatedAtUs)).toEqual(last(nowUs));
    }
  });

  it("looks at an endpoint once a scrape, however often somebody asks", () => {
    const { engines, scraper } = setUp();
    for (let nowUs = 0; nowUs < 10 * INTERVAL_US; nowUs++) scraper.refresh(nowUs);
    expect(engines.map(({ looks }) => looks)).toEqual([10, 10, 10]);
  });
});

describe("what a router is told", () => {
  it.each(["fast", "plain"] as const)("is what the gauges were at each endpoint's last scrape (%s engines)", (path) => {
    const scenario = fc.record({
      workload: randomWorkload(15, 100),
      constant: fc.boolean(),
      scrapeIntervalUs: fc.constantFrom(300, 1_000, 3_700),
      maxNumSeqs: fc.constantFrom(1, 3),
    });
    fc.assert(
      fc.property(scenario, ({ workload: random, constant, scrapeIntervalUs, maxNumSeqs }) => {
        const workload = { ...random, arrivalUs: random.arrivalUs.map((us) => us % 20_000).sort() };
        const records: DecisionRecord[] = [];
        // A sample each microsecond: the gauges at any time, without the scraper.
        const more = { replicas: 3, preset: "optimized-baseline", path, scrapeIntervalUs, seriesIntervalUs: 1 };
        const stepTime = constant ? constantStep(100) : bentStepTime(77.7, 9, 0.1);
        const input = onePool(workload, { ...more, recordDecision: () => true }, { maxNumSeqs }, stepTime, 60);
        const { series } = simulate(input, { onDecision: (_row, record) => records.push(record) });
        expect(records).toHaveLength(workload.count);
        for (const { timeUs, candidates } of records) {
          for (const candidate of candidates) {
            const replica = NAMES.indexOf(candidate.endpoint.split("/").at(-1)!);
            const phaseUs = scrapePhaseUs(NAMES[replica]!, scrapeIntervalUs);
            const scrapes = Math.floor((timeUs - phaseUs) / scrapeIntervalUs);
            const ageUs = scrapes < 0 ? null : timeUs - phaseUs - scrapes * scrapeIntervalUs;
            expect(candidate.metricsAgeUs).toBe(ageUs);
            const at = ageUs === null ? -1 : (timeUs - ageUs) * 3 + replica;
            expect(candidate.runningRequestsSize).toBe(series!.running[at] ?? 0);
            expect(candidate.waitingQueueSize).toBe(series!.waiting[at] ?? 0);
            expect(candidate.kvCacheUsageFraction).toBe(series!.kvUsageFraction[at] ?? 0);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it("is as old as the scrape interval lets it be", () => {
    // Steps of 100 us from 0 on; with a scrape every 400 us at phase p, the gauges at p + 400 n.
    const workload = rows([
      { atUs: 0, prompt: 4, output: 100 },
      ...[1_000, 2_000, 3_000].map((atUs) => ({ atUs, prompt: 4, output: 1 })),
    ]);
    const ages: (number | null)[] = [];
    const input = onePool(workload, {
      preset: "optimized-baseline",
      scrapeIntervalUs: 400,
      recordDecision: () => true,
    });
    simulate(input, { onDecision: (_row, { candidates }) => ages.push(candidates[0]!.metricsAgeUs) });
    const phaseUs = scrapePhaseUs("pool-0", 400);
    expect(ages).toEqual([null, ...[1_000, 2_000, 3_000].map((us) => (us - phaseUs) % 400)]);
  });
});
