import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { inferencePerfSchema } from "../../../src/workload/generator-schema.ts";
import { generateInferencePerf } from "../../../src/workload/generators/inference-perf.ts";
import { type CaseWorkload, inferencePerfOfCase } from "./validation-case.ts";

const data = process.env.WINDTUNNEL_DATA ?? new URL("../../../../../../shared", import.meta.url).pathname;
const folder = join(data, "validation");
const present = existsSync(folder);

function generate(name: string, variant?: string) {
  const { workload } = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as { workload: CaseWorkload };
  return generateInferencePerf(inferencePerfSchema.parse(inferencePerfOfCase(workload, variant)), 1);
}

describe.skipIf(!present)(`published benchmarks (skipped where ${folder} is absent)`, () => {
  test("every inference-perf case is a configuration that generates", () => {
    const names = readdirSync(folder).filter((name) => name.startsWith("llmd-"));
    const shared = names.filter((name) => readFileSync(join(folder, name), "utf8").includes('"inference-perf '));
    expect(shared.length).toBeGreaterThanOrEqual(7);
    for (const name of shared) expect(generate(name.replace(".json", "")).count).toBeGreaterThan(0);
  });

  test("the optimized-baseline guide: 17 stages half a minute apart, 750 in the first, 750 different prompts", () => {
    const workload = generate("llmd-optimized-baseline-qwen3-32b-8x2h100");
    expect(workload.stages).toHaveLength(17);
    expect(workload.stages![0]).toMatchObject({ rows: 750, startDelayUs: 0 });
    expect(workload.stages![1]).toMatchObject({ firstRow: 750, rows: 60, startDelayUs: 30_000_000 });
    expect(new Set(workload.segments!.ids.subarray(0, 1500).filter((_, entry) => entry % 2 === 1)).size).toBe(750);
    expect(workload.promptTokens[0]).toBe(7200);
  });

  test("P/D: 5,400 prompts of 5,000 tokens in 120 s, at most 4,500 in flight", () => {
    const workload = generate("llmd-pd-gptoss120b-h200-8p2d");
    expect(workload.count).toBe(5400);
    expect(workload.segments).toBeUndefined();
    expect(workload.arrivalUs.at(-1)).toBe(120_000_000);
    expect(workload.stages![0]).toMatchObject({ maxInFlight: 4500 });
  });

  test("CPU offload: a closed loop of 45", () => {
    const workload = generate("llmd-cpu-offload-45conc-qwen3-32b", "memory_bound");
    expect(workload.stages).toEqual([{ name: "stage 0", firstRow: 0, rows: 450, startDelayUs: 0, concurrency: 45 }]);
    expect(workload.promptTokens[0]).toBe(30_256);
  });
});
