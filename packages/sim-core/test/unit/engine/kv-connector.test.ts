import { describe, expect, it } from "vitest";
import { type Drive, driveEngine, type Elsewhere, profile } from "../../support/drive-engine.ts";
import { constantStep } from "../../support/one-replica.ts";
import { perTokenStep, type Row, rows } from "../../support/rows.ts";

const NOTHING: Elsewhere = { externalTokens: () => 0, loadUs: () => 0, holdUs: () => undefined };

/** Row 0 has `tokens` of its prompt elsewhere. */
const loads = (tokens: number, loadUs: number): Elsewhere => ({
  ...NOTHING,
  externalTokens: (row, computed) => (row === 0 ? tokens - computed : 0),
  loadUs: () => loadUs,
});

describe.each(["fast", "plain"] as const)("KV blocks from elsewhere, %s engine", (path) => {
  const drive = (given: readonly Row[], elsewhere: Elsewhere, more: Partial<Drive> = {}) =>
    driveEngine({
      workload: rows(given),
      profile: profile(),
      stepTime: constantStep(100),
      numGpuBlocks: 100,
      path,
      elsewhere,
      ...more,
    });

  it("are loaded while the engine has nothing else to do, and the last token is computed", () => {
    const { timeline, counters } = drive([{ atUs: 0, prompt: 8, output: 3 }], loads(8, 250));
    expect(timeline).toEqual([
      ["loaded", 0, 250],
      ["scheduled", 0, 250, 7],
      ["first", 0, 350],
      ["finished", 0, 550],
    ]);
    // Idle while it loads.
    expect(counters).toMatchObject({ steps: 3, busyUs: 300, prefillTokens: 1, decodeTokens: 3, leastFreeBlocks: 96 });
  });

  it("let others go ahead while they load, and have them go on at the end of the step in progress", () => {
    const { timeline } = drive(
      [
        { atUs: 0, prompt: 8, output: 2 },
        { atUs: 0, prompt: 8, output: 9 },
      ],
      loads(8, 250),
    );
    expect(timeline).toEqual([
      ["scheduled", 1, 0, 0],
      ["first", 1, 100],
      ["loaded", 0, 250],
      ["scheduled", 0, 300, 7],
      ["first", 0, 400],
      ["finished", 0, 500],
      ["finished", 1, 900],
    ]);
  });

  it("go before those that waited all the time", () => {
    const { timeline } = drive(
      [0, 0, 10].map((atUs) => ({ atUs, prompt: 8, output: 4 })),
      loads(8, 150),
      { profile: profile({ maxNumSeqs: 1 }) },
    );
    expect(timeline.filter(([what]) => what === "scheduled").map(([, row, us]) => [row, us])).toEqual([
      [1, 0],
      [0, 400],
      [2, 800],
    ]);
  });

  it("spare only the tokens that were there", () => {
    const { timeline, counters } = drive([{ atUs: 0, prompt: 12, output: 1 }], loads(8, 50), {
      stepTime: perTokenStep(10),
    });
    expect(timeline).toEqual([
      ["loaded", 0, 50],
      ["scheduled", 0, 50, 8],
      ["first", 0, 90],
      ["finished", 0, 90],
    ]);
    expect(counters.prefillTokens).toBe(4);
  });

  it("take the room of the whole prompt at once, or none", () => {
    // Seven blocks: four for the prompt of row 0, and row 1 wants four.
    const { timeline } = drive(
      [
        { atUs: 0, prompt: 16, output: 1 },
        { atUs: 0, prompt: 16, output: 1 },
      ],
      loads(4, 500),
      { numGpuBlocks: 8 },
    );
    expect(timeline).toEqual([
      ["loaded", 0, 500],
      ["scheduled", 0, 500, 4],
      ["first", 0, 600],
      ["finished", 0, 600],
      ["scheduled", 1, 600, 0],
      ["first", 1, 700],
      ["finished", 1, 700],
    ]);
  });

  it("are shown as waiting and as used while they load", () => {
    const { seen } = drive([{ atUs: 0, prompt: 8, output: 3 }], loads(8, 250), { looks: [0, 1, 250, 350, 1_000] });
    expect(seen).toEqual([
      { running: 0, waiting: 0, freeBlocks: 99 },
      { running: 0, waiting: 1, freeBlocks: 97 },
      { running: 0, waiting: 1, freeBlocks: 97 },
      { running: 1, waiting: 0, freeBlocks: 97 },
      { running: 0, waiting: 0, freeBlocks: 99 },
    ]);
  });

  it("stay when their request has ended, until they have been read", () => {
    const held: Elsewhere = { ...NOTHING, holdUs: (row) => (row === 0 ? 1_000 : undefined) };
    const { timeline, seen } = drive(
      [
        { atUs: 0, prompt: 16, output: 1 },
        { atUs: 50, prompt: 16, output: 1 },
      ],
      held,
      { numGpuBlocks: 8, looks: [100, 1_099, 1_100, 5_000] },
    );
    // Four of seven blocks are held: the second does not fit before.
    expect(timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 100],
      ["finished", 0, 100],
      ["released", 0, 1_100],
      ["scheduled", 1, 1_100, 0],
      ["first", 1, 1_200],
      ["finished", 1, 1_200],
    ]);
    expect(seen.map(({ waiting, freeBlocks }) => [waiting, freeBlocks])).toEqual([
      [0, 3],
      [1, 3],
      [1, 7],
      [0, 7],
    ]);
  });

  it("are announced as they become findable and when they are reused", () => {
    const { changes } = drive(
      [
        { atUs: 0, prompt: [[0, 8]], output: 1 },
        { atUs: 1_000, prompt: [[1, 12]], output: 1 },
      ],
      NOTHING,
      { numGpuBlocks: 4 },
    );
    expect(changes).toEqual([
      "evicted 0:0 at 1000",
      "evicted 0:1 at 1000",
      "stored 0:0 at 0",
      "stored 0:1 at 0",
      "stored 1:0 at 1000",
      "stored 1:1 at 1000",
      "stored 1:2 at 1000",
    ]);
  });
});
