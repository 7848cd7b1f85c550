import { describe, expect, it } from "vitest";
import { driveEngine, profile } from "../../support/drive-engine.ts";
import { constantStep } from "../../support/one-replica.ts";
import { rows } from "../../support/rows.ts";

describe.each(["fast", "plain"] as const)("KV events read at the very end of a step, %s engine", (path) => {
  it("do not start the next step before those who arrive at that moment", () => {
    // Row 0 leaves four cached blocks of seven. Row 1 decodes from 1100 on and takes one of them for the step that
    // starts at 1500, which is when someone reads the events and row 2 arrives.
    const { timeline, indexSeen } = driveEngine({
      workload: rows([
        { atUs: 0, prompt: [[0, 16]], output: 1 },
        { atUs: 1_000, prompt: [[1, 12]], output: 12 },
        { atUs: 1_500, prompt: 2, output: 1 },
      ]),
      profile: profile(),
      stepTime: constantStep(100),
      numGpuBlocks: 8,
      looks: [1_500, 1_600],
      kvEventDelayUs: 0,
      path,
    });
    expect(timeline.find(([what, row]) => what === "scheduled" && row === 2)).toEqual(["scheduled", 2, 1_500, 0]);
    expect(indexSeen.map((blocks) => blocks.split(" ").filter((block) => block.startsWith("0:")))).toEqual([
      ["0:0", "0:1", "0:2"],
      ["0:0"],
    ]);
  });
});
