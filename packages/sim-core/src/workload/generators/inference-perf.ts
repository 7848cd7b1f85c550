import { hashSeed, namedStream } from "../../kernel/random.ts";
import type { Workload, WorkloadStage } from "../workload.ts";
import { type InferencePerfColumns, randomPrompts } from "./inference-perf-prompts.ts";
import { type InferencePerfConfig, stageSizes } from "./inference-perf-schema.ts";
import { constantTimesUs, poissonTimesUs } from "./inference-perf-timers.ts";
import { askingFor } from "./request-adapters.ts";
import { sharedPrefixPrompts } from "./shared-prefix-prompts.ts";

/**
 * The requests that kubernetes-sigs/inference-perf sends for this configuration (commit 7de2ae5: loadgen/load_timer.py,
 * loadgen/load_generator.py, datagen/synthetic). Its timers are unseeded; ours follow the run's seed.
 */
export function generateInferencePerf(config: InferencePerfConfig, seed: number | string): Workload {
  const sizes = stageSizes(config.load);
  const count = sizes.reduce((sum, rows) => sum + rows, 0);
  const prompts =
    config.data.type === "random" ? randomPrompts(config, sizes, seed) : sharedPrefixPrompts(config, seed);
  const columns = emptyColumns(count);
  const arrivalUs = new Float64Array(count);
  const stages: WorkloadStage[] = [];
  for (const [index, rows] of sizes.entries()) {
    const firstRow = columns.row;
    stages.push(stageOf(config, index, firstRow, rows));
    arrivalUs.set(stageTimesUs(config, index, rows, seed), firstRow);
    for (let request = 0; request < rows; request++) {
      prompts.add(columns, index, request);
      columns.row += 1;
    }
  }
  const segments = prompts.segments(columns);
  const workload = {
    name: `inference-perf ${config.data.type}`,
    count,
    arrivalUs,
    promptTokens: columns.promptTokens,
    outputTokens: columns.outputTokens,
    stages,
    ...(segments === undefined ? {} : { segments }),
  };
  const split = config.load.lora_traffic_split;
  if (split === undefined) return workload;
  const adapters = split.map(({ name }) => name);
  const shares = { weights: split.map((entry) => entry.split), fraction: 1 };
  return askingFor(workload, adapters, shares, hashSeed(seed));
}

function emptyColumns(count: number): InferencePerfColumns {
  return {
    row: 0,
    promptTokens: new Int32Array(count),
    outputTokens: new Int32Array(count),
    offsets: new Int32Array(count + 1),
    ids: [],
    endTokens: [],
    outputIds: new Int32Array(count).fill(-1),
  };
}

function stageOf({ load }: InferencePerfConfig, index: number, firstRow: number, rows: number): WorkloadStage {
  const startDelayUs = index === 0 ? 0 : Math.round(load.interval * 1_000_000);
  const base = { name: `stage ${index}`, firstRow, rows, startDelayUs };
  if (load.type === "concurrent") return { ...base, concurrency: load.stages[index]!.concurrency_level };
  return load.num_workers === undefined
    ? base
    : { ...base, maxInFlight: load.num_workers * load.worker_max_concurrency };
}

function stageTimesUs({ load }: InferencePerfConfig, index: number, rows: number, seed: number | string): Float64Array {
  if (load.type === "concurrent") return new Float64Array(rows);
  const stage = load.stages[index]!;
  const random = namedStream(seed, `inference-perf/stage ${index}/arrivals`);
  return load.type === "poisson"
    ? poissonTimesUs(stage.rate, rows, random)
    : constantTimesUs(rows, stage.duration, random);
}
