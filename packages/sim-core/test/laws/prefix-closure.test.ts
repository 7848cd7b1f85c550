import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { driveEngine, profile } from "../support/drive-engine.ts";
import { constantStep } from "../support/one-replica.ts";
import { randomWorkload } from "../support/random-workload.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);
const SIZE = 4;

describe("law: a cache holds prefixes", () => {
  it.each(["fast", "plain"] as const)("a block is findable only where all before it are (%s engine)", (path) => {
    let held = 0;
    let lost = 0;
    const scenario = fc.tuple(randomWorkload(30, 80), fc.integer({ min: 0, max: 60 }), fc.constantFrom(0, 700));
    fc.assert(
      fc.property(scenario, ([workload, spareBlocks, kvEventDelayUs]) => {
        const { offsets, ids, endTokens } = workload.segments!;
        const most = Math.max(...workload.promptTokens.map((tokens, row) => tokens + workload.outputTokens[row]!));
        const { indexSeen, evicted } = driveEngine({
          workload,
          profile: profile({ blockSizeTokens: SIZE }),
          stepTime: constantStep(100),
          numGpuBlocks: Math.ceil(most / SIZE) + 1 + spareBlocks,
          looks: Array.from({ length: 80 }, (_, at) => at * 350),
          kvEventDelayUs,
          path,
        });
        lost += evicted;
        for (const seen of indexSeen) {
          const findable = new Set(seen.split(" "));
          for (let row = 0; row < workload.count; row++) {
            let entry = offsets[row]!;
            let all = true;
            for (let block = 0; (block + 1) * SIZE <= workload.promptTokens[row]!; block++) {
              while (endTokens[entry]! < (block + 1) * SIZE) entry++;
              const here = findable.has(`${ids[entry]}:${block}`);
              if (here) held++;
              if (here && !all) expect.fail(`row ${row}: block ${block} is findable, one before it is not`);
              all &&= here;
            }
          }
        }
      }),
      { numRuns },
    );
    // The law was tried: there were blocks to find, and some were lost.
    expect(held).toBeGreaterThan(1_000);
    expect(lost).toBeGreaterThan(100);
  });
});
