import fc from "fast-check";
import { expect } from "vitest";
import type { Workload } from "../../src/workload/workload.ts";
import { bentStepTime } from "./bent-step-time.ts";
import { driveEngine, type Elsewhere, profile } from "./drive-engine.ts";
import { randomAdapters, withAdapters } from "./random-adapters.ts";
import { withRandomItems } from "./random-items.ts";
import { randomWorkload } from "./random-workload.ts";

/** Of each row: what share of it lies elsewhere, and how long loads and reads take. */
const elsewhere = fc.array(
  fc.record({
    share: fc.constantFrom(0, 0, 0.3, 0.7, 1, 1),
    loadUs: fc.constantFrom(0, 1, 40, 700, 5_000, 60_000),
    holdUs: fc.constantFrom(undefined, undefined, 0, 300, 4_000, 90_000),
  }),
  { minLength: 40, maxLength: 40 },
);

type RowElsewhere = typeof elsewhere extends fc.Arbitrary<infer Value> ? Value : never;

function asElsewhere(rows: RowElsewhere, workload: Workload, blockSizeTokens: number): Elsewhere {
  return {
    externalTokens(row, computedTokens) {
      const { share } = rows[row]!;
      const left = workload.promptTokens[row]! - computedTokens;
      // All of a prompt, up to its last token, or some full blocks of it.
      return share === 1 ? left : Math.floor((share * left) / blockSizeTokens) * blockSizeTokens;
    },
    loadUs: (row) => rows[row]!.loadUs,
    holdUs: (row) => rows[row]!.holdUs,
  };
}

const scenario = fc.record({
  workload: fc.oneof(randomWorkload(40, 120), withRandomItems(randomWorkload(40, 120))),
  encoder: fc.record({
    itemUs: fc.integer({ min: 0, max: 900 }),
    squareUs: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  blocks: fc.integer({ min: 50, max: 160 }),
  blockSizeTokens: fc.constantFrom(1, 4, 16),
  maxNumSeqs: fc.constantFrom(1, 2, 8, 40),
  maxNumBatchedTokens: fc.constantFrom(8, 64, 1000),
  longPrefillTokenThreshold: fc.constantFrom(0, 0, 0, 5, 40),
  enablePrefixCaching: fc.boolean(),
  schedulerReserveFullIsl: fc.boolean(),
  guaranteedNoEvict: fc.constantFrom(false, false, true),
  scheduler: fc.constantFrom(undefined, "sglang" as const),
  scheduleConservativeness: fc.constantFrom(0, 0.3, 1, 2),
  schedulingPolicy: fc.constantFrom("fcfs" as const, "fcfs" as const, "priority" as const),
  requestOverheadUs: fc.constantFrom(0, 0, 1234),
  baseUs: fc.double({ min: 20, max: 3000, noNaN: true }),
  perSeqUs: fc.double({ min: 0, max: 50, noNaN: true }),
  perTokenUs: fc.double({ min: 0, max: 3, noNaN: true }),
  lookEveryUs: fc.integer({ min: 500, max: 50_000 }),
  priorities: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 40, maxLength: 40 }),
  elsewhere: fc.option(elsewhere, { nil: undefined }),
  lora: fc.option(randomAdapters, { nil: undefined }),
  chunked: fc.constantFrom(true, true, true, false),
  cancelAfterUs: fc.option(
    fc.array(fc.oneof(fc.constantFrom(Infinity, 1), fc.integer({ min: 1, max: 100_000 })), {
      minLength: 40,
      maxLength: 40,
    }),
    { nil: undefined },
  ),
});

/** The fast engine does to the microsecond what the plain one does, on a random workload under random limits. */
export const fastEqualsPlain = fc.property(scenario, (given) => {
  // A request that never fits would preempt itself for ever; hosts refuse it.
  const most = Math.max(
    ...given.workload.promptTokens.map((tokens, row) => tokens + given.workload.outputTokens[row]!),
  );
  const longestPrompt = Math.max(...given.workload.promptTokens);
  const { scheduler, ...settings } = given;
  // Adapters are served by vLLM's rules only.
  const lora = scheduler === undefined ? given.lora : undefined;
  const workload = lora ? withAdapters(given.workload, lora) : given.workload;
  const size = given.blockSizeTokens;
  const drive = {
    workload,
    profile: profile({
      ...settings,
      // Whole prompts only where each fits in a step; what was generated need not.
      enableChunkedPrefill: given.chunked || given.maxNumBatchedTokens < longestPrompt,
      // SGLang's chunks are whole pages.
      ...(scheduler && {
        scheduler,
        maxNumBatchedTokens: Math.ceil(given.maxNumBatchedTokens / size) * size,
        longPrefillTokenThreshold: 0,
      }),
    }),
    stepTime: bentStepTime(given.baseUs, given.perSeqUs, given.perTokenUs),
    numGpuBlocks: Math.ceil(most / given.blockSizeTokens) + 1 + Math.floor(given.blocks / given.blockSizeTokens),
    looks: Array.from({ length: 60 }, (_, at) => at * given.lookEveryUs),
    priorities: given.priorities,
    encoder: {
      encodeUs: (items: number, tokens: number, squared: number) =>
        items * given.encoder.itemUs + tokens + squared * given.encoder.squareUs,
    },
    ...(given.cancelAfterUs ? { cancelAfterUs: given.cancelAfterUs } : {}),
    ...(lora ? { lora: lora.profile } : {}),
    ...(given.elsewhere ? { elsewhere: asElsewhere(given.elsewhere, workload, given.blockSizeTokens) } : {}),
  };
  const plain = driveEngine({ ...drive, path: "plain" });
  const fast = driveEngine({ ...drive, path: "fast" });
  expect(fast.timeline).toEqual(plain.timeline);
  expect(fast.seen).toEqual(plain.seen);
  expect(fast.indexSeen).toEqual(plain.indexSeen);
  expect(fast.counters).toEqual(plain.counters);
  expect(fast.changes).toEqual(plain.changes);
  expect(fast.evicted).toBe(plain.evicted);
  expect(fast.itl).toEqual(plain.itl);
  const gauges = { running: -1, waiting: -1, freeBlocks: -1 };
  for (const { engine } of [fast, plain]) {
    engine.gaugesAt(1e15, gauges);
    expect(gauges).toEqual({ running: 0, waiting: 0, freeBlocks: engine.totalBlocks });
  }
  if (given.guaranteedNoEvict && scheduler === undefined && given.elsewhere === undefined)
    expect(fast.counters.preemptions).toBe(0);
  // Each request ends once, one way or the other.
  const ends = fast.timeline.filter(([what]) => what === "finished" || what === "aborted").map(([, row]) => row);
  expect(ends.sort((a, b) => a - b)).toEqual([...given.workload.promptTokens.keys()]);
});
