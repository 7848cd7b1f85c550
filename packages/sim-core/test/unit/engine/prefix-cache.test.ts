import { describe, expect, it } from "vitest";
import { type Drive, driveEngine, profile } from "../../support/drive-engine.ts";
import { constantStep } from "../../support/one-replica.ts";
import { type Row, rows } from "../../support/rows.ts";

describe.each(["fast", "plain"] as const)("prefix cache, %s engine", (path) => {
  const drive = (given: readonly Row[], engine: Parameters<typeof profile>[0] = {}, more: Partial<Drive> = {}) =>
    driveEngine({
      workload: rows(given),
      profile: profile(engine),
      stepTime: constantStep(100),
      numGpuBlocks: 1001,
      path,
      ...more,
    });
  const cached = (given: readonly Row[], engine = {}, more: Partial<Drive> = {}): (number | undefined)[] =>
    drive(given, engine, more)
      .timeline.filter(([what]) => what === "scheduled")
      .map(([, , , tokens]) => tokens);

  it("finds the blocks of a shared prefix, never the block of the last token", () => {
    const given: Row[] = [
      { atUs: 0, prompt: [[0, 12]], output: 1 },
      // Goes on after it: all three blocks.
      {
        atUs: 1000,
        prompt: [
          [0, 12],
          [1, 8],
        ],
        output: 1,
      },
      // The same prompt: the last block is computed again, so that there is something to sample from.
      { atUs: 2000, prompt: [[0, 12]], output: 1 },
      // Leaves it in the middle of a block.
      {
        atUs: 3000,
        prompt: [
          [0, 7],
          [2, 9],
        ],
        output: 1,
      },
      { atUs: 4000, prompt: [[3, 12]], output: 1 },
    ];
    expect(cached(given)).toEqual([0, 12, 8, 4, 0]);
    expect(cached(given, { enablePrefixCaching: false })).toEqual([0, 0, 0, 0, 0]);
  });

  it("counts only computed tokens as prefill", () => {
    const given: Row[] = [
      { atUs: 0, prompt: [[0, 12]], output: 1 },
      { atUs: 1000, prompt: [[0, 12]], output: 1 },
    ];
    expect(drive(given).counters.prefillTokens).toBe(12 + 4);
  });

  it("finds a prefix that is still being used, and what another computes in the same step", () => {
    const given: Row[] = [
      { atUs: 0, prompt: [[0, 12]], output: 50 },
      {
        atUs: 0,
        prompt: [
          [0, 12],
          [1, 4],
        ],
        output: 1,
      },
      {
        atUs: 500,
        prompt: [
          [0, 12],
          [2, 4],
        ],
        output: 1,
      },
    ];
    expect(cached(given)).toEqual([0, 12, 12]);
  });

  it("finds generated tokens that a next turn names", () => {
    const given: Row[] = [
      { atUs: 0, prompt: [[0, 8]], output: 9, outputId: 1 },
      // Of nine generated tokens eight were computed: the last is never an input.
      {
        atUs: 5000,
        prompt: [
          [0, 8],
          [1, 9],
          [2, 7],
        ],
        output: 1,
      },
    ];
    expect(cached(given)).toEqual([0, 16]);
  });

  it("forgets a freed prompt from its tail, and keeps its front findable until that is reused", () => {
    const given: Row[] = [
      { atUs: 0, prompt: [[0, 16]], output: 1 },
      // Ten blocks: six were never used, so this takes those and the last of the first prompt.
      { atUs: 1000, prompt: [[1, 28]], output: 1 },
      {
        atUs: 2000,
        prompt: [
          [0, 16],
          [2, 1],
        ],
        output: 1,
      },
    ];
    const { timeline, evicted } = drive(given, {}, { numGpuBlocks: 11 });
    expect(timeline.filter(([what]) => what === "scheduled").map(([, , , tokens]) => tokens)).toEqual([0, 0, 12]);
    // One of the first prompt; then two blocks from the second's, for 13 to 17.
    expect(evicted).toBe(1 + 2);
  });

  it("reuses first what was freed first, and a hit makes it young again", () => {
    const given: Row[] = [
      { atUs: 0, prompt: [[0, 9]], output: 1 },
      { atUs: 1000, prompt: [[1, 9]], output: 1 },
      { atUs: 2000, prompt: [[0, 9]], output: 1 },
      // Six blocks, three a prompt with its partial one: four of the oldest are all that segment 1 left behind, and one.
      { atUs: 3000, prompt: [[2, 16]], output: 1 },
      { atUs: 4000, prompt: [[0, 9]], output: 1 },
      { atUs: 5000, prompt: [[1, 9]], output: 1 },
    ];
    expect(cached(given, {}, { numGpuBlocks: 7 })).toEqual([0, 0, 8, 0, 8, 0]);
  });

  it("shows the router a change one delay after the end of its step", () => {
    const given: Row[] = [
      { atUs: 0, prompt: [[0, 16]], output: 1 },
      { atUs: 1000, prompt: [[1, 28]], output: 1 },
      // Nobody else can name these: no event.
      { atUs: 5000, prompt: 9, output: 1 },
    ];
    const looks = [799, 800, 1799, 1800];
    const { indexSeen } = drive(given, {}, { numGpuBlocks: 11, looks, kvEventDelayUs: 700 });
    const first = "0:0 0:1 0:2 0:3";
    const second = "0:0 0:1 0:2 1:0 1:1 1:2 1:3 1:4 1:5 1:6";
    expect(indexSeen).toEqual(["", first, first, second]);
  });

  it("dates an eviction in the middle of a stretch by its own step", () => {
    const given: Row[] = [
      { atUs: 0, prompt: [[0, 8]], output: 1 },
      // Three blocks: one unused for the prompt, then one more at each fourth token.
      { atUs: 1000, prompt: [[1, 4]], output: 8 },
    ];
    // The first decode step, 1100 to 1200, takes the tail of segment 0; the fifth, 1500 to 1600, the rest.
    const looks = [1199, 1200, 1599, 1600];
    const { indexSeen } = drive(given, {}, { numGpuBlocks: 4, looks, kvEventDelayUs: 0 });
    expect(indexSeen).toEqual(["0:0 0:1 1:0", "0:0 1:0", "0:0 1:0", "1:0"]);
  });
});
