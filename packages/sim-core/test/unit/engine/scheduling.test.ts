import { describe, expect, it } from "vitest";
import { bentStepTime } from "../../support/bent-step-time.ts";
import { type Drive, driveEngine, profile } from "../../support/drive-engine.ts";
import { constantStep } from "../../support/one-replica.ts";
import { perTokenStep, type Row, rows } from "../../support/rows.ts";

const STEP_US = 100;

// Worked by hand, so both engines are held to what the rules say, and not only to each other.
describe.each(["fast", "plain"] as const)("scheduling, %s engine", (path) => {
  const drive = (given: readonly Row[], engine: Parameters<typeof profile>[0] = {}, more: Partial<Drive> = {}) =>
    driveEngine({
      workload: rows(given),
      profile: profile(engine),
      stepTime: constantStep(STEP_US),
      numGpuBlocks: 1001,
      path,
      ...more,
    });

  it("computes the prompt in one step and a token in each step after it", () => {
    const { timeline, counters } = drive([{ atUs: 7, prompt: 10, output: 3 }]);
    expect(timeline).toEqual([
      ["scheduled", 0, 7, 0],
      ["first", 0, 107],
      ["finished", 0, 307],
    ]);
    expect(counters).toMatchObject({ steps: 3, busyUs: 300, prefillTokens: 10, decodeTokens: 3, preemptions: 0 });
  });

  it("ends a request of one token with its prompt", () => {
    expect(drive([{ atUs: 0, prompt: 10, output: 1 }]).timeline.slice(1)).toEqual([
      ["first", 0, 100],
      ["finished", 0, 100],
    ]);
  });

  it("gives decoding requests their token before it fills the budget with a chunk of a prompt", () => {
    const given = [
      { atUs: 0, prompt: 4, output: 5 },
      { atUs: 5, prompt: 25, output: 1 },
    ];
    const { timeline, counters } = drive(given, { maxNumBatchedTokens: 10 }, { stepTime: perTokenStep(10) });
    // Steps of 4, 1 + 9, 1 + 9, 1 + 7 and 1 tokens.
    expect(timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 40],
      ["scheduled", 1, 40, 0],
      ["first", 1, 320],
      ["finished", 1, 320],
      ["finished", 0, 330],
    ]);
    expect(counters).toMatchObject({ steps: 5, prefillTokens: 29, decodeTokens: 6 });
  });

  it("does not cut prompts without chunked prefill", () => {
    const given = [
      { atUs: 0, prompt: 6, output: 1 },
      { atUs: 0, prompt: 6, output: 1 },
    ];
    const engine = { maxNumBatchedTokens: 10, enableChunkedPrefill: false };
    expect(drive(given, engine, { stepTime: perTokenStep(10) }).timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 60],
      ["finished", 0, 60],
      ["scheduled", 1, 60, 0],
      ["first", 1, 120],
      ["finished", 1, 120],
    ]);
  });

  it("admits nobody past a head of the queue that does not fit", () => {
    const given = [
      { atUs: 0, prompt: 24, output: 10 },
      { atUs: 10, prompt: 20, output: 1 },
      { atUs: 10, prompt: 4, output: 1 },
    ];
    // Of ten blocks the first holds six and more: five are not to be had until it ends; one would be.
    expect(drive(given, {}, { numGpuBlocks: 11 }).timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 100],
      ["finished", 0, 1000],
      ["scheduled", 1, 1000, 0],
      ["scheduled", 2, 1000, 0],
      ["first", 1, 1100],
      ["first", 2, 1100],
      ["finished", 1, 1100],
      ["finished", 2, 1100],
    ]);
  });

  it.each([
    [true, 400],
    [false, 300],
  ])("with schedulerReserveFullIsl %s admits a prompt of which a chunk fits at %i", (reserve, atUs) => {
    const given = [
      { atUs: 0, prompt: 24, output: 2 },
      { atUs: 10, prompt: 20, output: 1 },
    ];
    // Three steps of eight tokens, then one of one token: three of ten blocks are free, five are needed, two for now.
    const engine = { maxNumBatchedTokens: 8, schedulerReserveFullIsl: reserve };
    const { timeline } = drive(given, engine, { numGpuBlocks: 11 });
    expect(timeline.filter(([what]) => what === "scheduled")[1]).toEqual(["scheduled", 1, atUs, 0]);
    expect(timeline).toContainEqual(["finished", 0, 400]);
  });

  it("runs at most maxNumSeqs requests, the others in order of arrival", () => {
    const given = [0, 0, 0].map((atUs) => ({ atUs, prompt: 4, output: 2 }));
    const { timeline, seen, counters } = drive(given, { maxNumSeqs: 1 }, { looks: [150, 250, 450] });
    expect(timeline.filter(([what]) => what !== "first")).toEqual([
      ["scheduled", 0, 0, 0],
      ["finished", 0, 200],
      ["scheduled", 1, 200, 0],
      ["finished", 1, 400],
      ["scheduled", 2, 400, 0],
      ["finished", 2, 600],
    ]);
    expect(seen.map(({ running, waiting }) => [running, waiting])).toEqual([
      [1, 2],
      [0, 2],
      [0, 1],
    ]);
    expect(counters).toMatchObject({ peakRunning: 1, peakWaiting: 3 });
  });

  it("shares a step's budget by longPrefillTokenThreshold", () => {
    const given = [
      { atUs: 0, prompt: 12, output: 1 },
      { atUs: 0, prompt: 6, output: 1 },
    ];
    const engine = { maxNumBatchedTokens: 8, longPrefillTokenThreshold: 5 };
    // Steps of 5 + 3, 5 + 3 and 2 tokens: the short prompt is through first.
    expect(drive(given, engine, { stepTime: perTokenStep(10) }).timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["scheduled", 1, 0, 0],
      ["first", 1, 160],
      ["finished", 1, 160],
      ["first", 0, 180],
      ["finished", 0, 180],
    ]);
  });

  it("lets the scheduler see a request only after requestOverheadUs", () => {
    const given = [
      { atUs: 0, prompt: 4, output: 9 },
      { atUs: 580, prompt: 4, output: 1 },
    ];
    // 0 + 30; 580 + 30 is within the step from 530 to 630.
    expect(drive(given, { requestOverheadUs: 30 }).timeline.filter(([what]) => what === "scheduled")).toEqual([
      ["scheduled", 0, 30, 0],
      ["scheduled", 1, 630, 0],
    ]);
  });

  it.each([
    [555, 600],
    [599, 600],
    [600, 600],
    [601, 700],
  ])("takes an arrival at %i in with the step that starts at %i", (atUs, scheduledUs) => {
    const given = [
      { atUs: 0, prompt: 4, output: 20 },
      { atUs, prompt: 4, output: 1 },
    ];
    expect(drive(given).timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 100],
      ["scheduled", 1, scheduledUs, 0],
      ["first", 1, scheduledUs + 100],
      ["finished", 1, scheduledUs + 100],
      ["finished", 0, 2000],
    ]);
  });

  it.each([
    ["maxNumSeqs", { maxNumSeqs: 2 }, 1001],
    ["blocks", {}, 60],
  ])("does not change anybody's times by an arrival that %s keeps out", (_what, engine, numGpuBlocks) => {
    const running: Row[] = [
      { atUs: 0, prompt: 41, output: 60 },
      { atUs: 3, prompt: 77, output: 50 },
    ];
    const more = { stepTime: bentStepTime(33.3, 1.7, 0.013), numGpuBlocks };
    const alone = drive(running, engine, more).timeline;
    const late = drive([...running, { atUs: 1_234, prompt: 100, output: 1 }], engine, more).timeline;
    const firstEnd = alone.findIndex(([what]) => what === "finished");
    expect(alone[firstEnd]![2]).toBeGreaterThan(2_000);
    expect(late.slice(0, firstEnd + 1)).toEqual(alone.slice(0, firstEnd + 1));
    expect(late.find(([what, row]) => what === "scheduled" && row === 2)![2]).toBe(alone[firstEnd]![2]);
  });

  it("takes a block when a request's tokens fill those that it has", () => {
    // Two blocks of four for the prompt of seven; the eighth token fits; then one for each four.
    const looks = [100, 200, 300, 600, 700];
    const { seen } = drive([{ atUs: 0, prompt: 7, output: 20 }], {}, { looks, numGpuBlocks: 11 });
    expect(seen.map(({ freeBlocks }) => freeBlocks)).toEqual([8, 8, 7, 7, 6]);
  });

  it("shows the gauges of the last finished step for as long as a prefill takes", () => {
    const given = [
      { atUs: 0, prompt: 60, output: 9 },
      { atUs: 100, prompt: 40, output: 1 },
    ];
    // Steps: 60 tokens to 600; 1 + 40 to 1010; then one token each.
    const looks = [0, 1, 599, 600, 1009, 1010, 1020];
    const { seen } = drive(given, {}, { stepTime: perTokenStep(10), looks, numGpuBlocks: 101 });
    const idle = { running: 0, waiting: 0, freeBlocks: 100 };
    const first = { running: 1, waiting: 0, freeBlocks: 85 };
    const after = { running: 1, waiting: 0, freeBlocks: 84 };
    expect(seen).toEqual([idle, idle, idle, first, first, after, after]);
  });

  it("counts as waiting who was waiting when the step was scheduled", () => {
    const given = [
      { atUs: 0, prompt: 4, output: 5 },
      { atUs: 150, prompt: 4, output: 1 },
    ];
    const { seen } = drive(given, { maxNumSeqs: 1 }, { looks: [199, 200, 299, 300, 500, 600] });
    expect(seen.map(({ waiting }) => waiting)).toEqual([0, 0, 0, 1, 1, 0]);
  });
});
