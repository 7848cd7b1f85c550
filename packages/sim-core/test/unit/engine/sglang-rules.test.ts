import { describe, expect, it } from "vitest";
import { ItlRecorder } from "../../../src/engine/itl-histogram.ts";
import type { EngineProfile } from "../../../src/engine/profile.ts";
import { driveEngine, profile } from "../../support/drive-engine.ts";
import { perTokenStep, type Row, rows } from "../../support/rows.ts";

/** What happens to requests written by hand, a step taking a microsecond a token, on both paths. */
function run(given: readonly Row[], capacityTokens: number, more: Partial<EngineProfile> = {}) {
  const drive = {
    workload: rows(given),
    profile: profile({
      scheduler: "sglang",
      blockSizeTokens: 1,
      maxNumBatchedTokens: 64,
      enablePrefixCaching: true,
      ...more,
    }),
    stepTime: perTokenStep(1),
    numGpuBlocks: capacityTokens + 1,
  };
  const fast = driveEngine({ ...drive, path: "fast" });
  const plain = driveEngine({ ...drive, path: "plain" });
  expect(fast.timeline).toEqual(plain.timeline);
  expect(fast.itl).toEqual(plain.itl);
  const of = (what: string) => fast.timeline.filter(([name]) => name === what).map(([, row, us]) => [row, us]);
  const gaps = (us: number): number => fast.itl[new ItlRecorder().bucketOf(us)]!;
  return { ...fast, of, gaps };
}

describe("SGLang's rules", () => {
  it("runs prefill before decode: those that decode wait", () => {
    const { of, gaps } = run(
      [
        { atUs: 0, prompt: 4, output: 5 },
        { atUs: 5, prompt: 6, output: 3 },
      ],
      1000,
    );
    // 0-4 prefill of the first, 4-5 its decode, 5-11 prefill of the second alone, then both: 13, 15; the first alone: 16.
    expect(of("first")).toEqual([
      [0, 4],
      [1, 11],
    ]);
    expect(of("finished")).toEqual([
      [1, 15],
      [0, 16],
    ]);
    // The first waited from 5 to 13.
    expect([gaps(1), gaps(2), gaps(8)]).toEqual([2, 3, 1]);
  });

  it("splits one prompt, and lets nobody in behind it before its last chunk", () => {
    const { of } = run(
      [
        { atUs: 0, prompt: 20, output: 2 },
        { atUs: 0, prompt: 3, output: 2 },
      ],
      1000,
      { maxNumBatchedTokens: 8 },
    );
    // Chunks of 8 and 8, then 4 and the second's 3; a decode of both.
    expect(of("scheduled")).toEqual([
      [0, 0],
      [1, 16],
    ]);
    expect(of("first")).toEqual([
      [0, 23],
      [1, 23],
    ]);
    expect(of("finished")).toEqual([
      [0, 25],
      [1, 25],
    ]);
  });

  it("keeps memory for what a batch may generate: all of it in one pass", () => {
    const one = { atUs: 0, prompt: 20, output: 50 };
    // 20 and 50 of 100; the second's 70 do not fit in 80 - 50. It comes in when the first has ended.
    expect(run([one, one], 100).of("scheduled")).toEqual([
      [0, 0],
      [1, 69],
    ]);
    // 140 of 141 fit: there must be more than is needed.
    expect(run([one, one], 141).of("scheduled")).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(run([one, one], 140).of("scheduled")[1]).toEqual([1, 69]);
  });

  it("keeps a share of it for those that run", () => {
    const first = { atUs: 0, prompt: 20, output: 50 };
    // At 30 the first has 11 tokens, 30 computed, and may yet generate 39, of which 0.69 are kept: 70 - 26.9 = 43.1.
    const second = (output: number) => ({ atUs: 30, prompt: 20, output });
    expect(run([first, second(23)], 100).of("scheduled")[1]).toEqual([1, 30]);
    expect(run([first, second(24)], 100).of("scheduled")[1]).toEqual([1, 69]);
    // With half of it 70 - 13.5 = 56.5 are left.
    expect(run([first, second(36)], 100, { scheduleConservativeness: 0.5 }).of("scheduled")[1]).toEqual([1, 30]);
  });

  it("asks nobody while the batch is full, up to the step after the one with which a request ends", () => {
    const { of } = run(
      [
        { atUs: 0, prompt: 4, output: 2 },
        { atUs: 0, prompt: 4, output: 5 },
        { atUs: 0, prompt: 4, output: 2 },
      ],
      1000,
      { maxNumSeqs: 2 },
    );
    // 0-8 prefill, 8-10 decode with which the first ends, 10-11 a decode that finds it gone.
    expect(of("finished")[0]).toEqual([0, 10]);
    expect(of("scheduled")[2]).toEqual([2, 11]);
  });

  it("retracts who has generated least, to the end of the queue, and computes it anew", () => {
    const given = [
      { atUs: 0, prompt: 4, output: 20 },
      { atUs: 5, prompt: 6, output: 20 },
      { atUs: 20, prompt: 30, output: 4 },
    ];
    const { of, gaps, counters } = run(given, 34, { scheduleConservativeness: 0 });
    // At 11 they hold 5 + 6 of 34; after 11 steps of both one token is left. The first has 13 tokens then, the second 12.
    expect(of("preempted")).toEqual([[1, 33]]);
    expect(counters.preemptions).toBe(1);
    // The first goes on alone for 7 steps. The third is before the second now, to 70 and 73; then 18 tokens anew, to 91, and 7.
    expect(of("finished")).toEqual([
      [0, 40],
      [2, 73],
      [1, 98],
    ]);
    expect(gaps(91 - 33)).toBe(1);
  });

  it("retracts the longer prompt of two that have generated as much", () => {
    const given = [
      { atUs: 0, prompt: 8, output: 20 },
      { atUs: 0, prompt: 6, output: 20 },
    ];
    const short = { maxNumSeqs: 8, scheduleConservativeness: 0, maxNumBatchedTokens: 8 };
    // The second comes in behind the first's only chunk, so in a pass of its own; 14 tokens, then two a step.
    const { of } = run(given, 37, short);
    expect(of("scheduled")[1]).toEqual([1, 8]);
    expect(of("preempted")).toEqual([[0, 36]]);
  });

  it("finds prompts to the token, but for the last, and only when they have been computed", () => {
    const { timeline } = run(
      [
        { atUs: 0, prompt: [[0, 10]], output: 2 },
        { atUs: 0, prompt: [[0, 10]], output: 2 },
        { atUs: 30, prompt: [[0, 10]], output: 2 },
      ],
      1000,
    );
    const cached = timeline.filter(([what]) => what === "scheduled").map(([, , , tokens]) => tokens);
    expect(cached).toEqual([0, 0, 9]);
  });
});
