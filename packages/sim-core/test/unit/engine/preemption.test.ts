import { describe, expect, it } from "vitest";
import { ItlRecorder } from "../../../src/engine/itl-histogram.ts";
import { type Drive, driveEngine, profile } from "../../support/drive-engine.ts";
import { constantStep } from "../../support/one-replica.ts";
import { type Row, rows } from "../../support/rows.ts";

/** Five blocks of four tokens that requests can use. */
const NUM_GPU_BLOCKS = 6;

describe.each(["fast", "plain"] as const)("preemption, %s engine", (path) => {
  const drive = (given: readonly Row[], engine: Parameters<typeof profile>[0] = {}, more: Partial<Drive> = {}) =>
    driveEngine({
      workload: rows(given),
      profile: profile(engine),
      stepTime: constantStep(100),
      numGpuBlocks: NUM_GPU_BLOCKS,
      path,
      ...more,
    });

  /** Two prompts of two full blocks each: at their first decode step there is one block for two requests. */
  const pair = (output: number): Row[] => [
    { atUs: 0, prompt: 8, output },
    { atUs: 0, prompt: 8, output: 8 },
  ];

  it("preempts the last of the list, which computes again what its own cached blocks do not hold", () => {
    const { timeline, counters, evicted } = drive(pair(4));
    // At 400 the second needs three blocks for its nine tokens; two are still its own.
    expect(timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["scheduled", 1, 0, 0],
      ["first", 0, 100],
      ["first", 1, 100],
      ["preempted", 1, 100],
      ["finished", 0, 400],
      ["scheduled", 1, 400, 8],
      ["finished", 1, 1100],
    ]);
    expect(counters).toMatchObject({ preemptions: 1, prefillTokens: 8 + 8 + 1, decodeTokens: 12, leastFreeBlocks: 1 });
    expect(evicted).toBe(0);
  });

  it("loses the deepest of those blocks first when others need room", () => {
    const { timeline, evicted } = drive(pair(8));
    // The first takes a block at its fifth decode step.
    expect(timeline.slice(4)).toEqual([
      ["preempted", 1, 100],
      ["finished", 0, 800],
      ["scheduled", 1, 800, 4],
      ["finished", 1, 1500],
    ]);
    expect(evicted).toBe(1);
  });

  it("computes everything again without a prefix cache", () => {
    const { timeline, counters } = drive(pair(4), { enablePrefixCaching: false });
    expect(timeline).toContainEqual(["scheduled", 1, 400, 0]);
    expect(counters.prefillTokens).toBe(8 + 8 + 9);
  });

  it("counts the wait as one long gap between tokens", () => {
    const { itl } = drive(pair(4));
    const at = (us: number): number => itl[new ItlRecorder().bucketOf(us)]!;
    // The first's three gaps, and the second's six after the one from 100 to 500.
    expect([at(100), at(400), itl.reduce((sum, count) => sum + count, 0)]).toEqual([9, 1, 10]);
  });

  it("under priority takes the least urgent, also when it has its token of the step already", () => {
    const given = [
      { atUs: 0, prompt: 8, output: 8 },
      { atUs: 50, prompt: 8, output: 8 },
    ];
    const { timeline } = drive(given, { schedulingPolicy: "priority" }, { priorities: [1, 0] });
    expect(timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 100],
      ["scheduled", 1, 100, 0],
      ["first", 1, 200],
      ["preempted", 0, 200],
      ["finished", 1, 900],
      ["scheduled", 0, 900, 4],
      ["finished", 0, 1500],
    ]);
  });

  it("under priority ends the round with a request that had to preempt itself: those after it starve", () => {
    const given = [
      { atUs: 0, prompt: 8, output: 8 },
      { atUs: 50, prompt: 5, output: 5 },
    ];
    const { timeline, itl } = drive(given, { schedulingPolicy: "priority" }, { priorities: [1, 0] });
    // The step from 500 to 600 computes nothing.
    expect(timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 100],
      ["scheduled", 1, 100, 0],
      ["first", 1, 200],
      ["preempted", 0, 500],
      ["finished", 1, 700],
      ["scheduled", 0, 700, 8],
      ["finished", 0, 1000],
    ]);
    // Gaps of 200 us: the starved one's, from 500 to 700; of 300: the preempted one's, from 500 to 800.
    const at = (us: number): number => itl[new ItlRecorder().bucketOf(us)]!;
    expect([at(200), at(300)]).toEqual([1, 1]);
  });

  it("under priority takes back a chunk of a prompt that it had given in the same step", () => {
    const given = [
      { atUs: 0, prompt: 16, output: 1 },
      { atUs: 50, prompt: 3, output: 4 },
    ];
    const engine = { schedulingPolicy: "priority", longPrefillTokenThreshold: 4 } as const;
    const { timeline, counters } = drive(given, engine, { priorities: [1, 0] });
    // At 300 the fourth chunk takes the last block, and the second request's fifth token needs one.
    expect(timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["scheduled", 1, 100, 0],
      ["first", 1, 200],
      ["preempted", 0, 300],
      ["finished", 1, 500],
      ["scheduled", 0, 500, 12],
      ["first", 0, 600],
      ["finished", 0, 600],
    ]);
    expect(counters.prefillTokens).toBe(12 + 4 + 3);
  });

  it("under priority admits the most urgent first, and equals by arrival", () => {
    const given = [0, 1, 2, 3].map((atUs) => ({ atUs, prompt: 4, output: 1 }));
    const { timeline } = drive(given, { schedulingPolicy: "priority", maxNumSeqs: 1 }, { priorities: [5, 2, 0, 2] });
    expect(timeline.filter(([what]) => what === "scheduled").map(([, row]) => row)).toEqual([0, 2, 1, 3]);
  });
});
