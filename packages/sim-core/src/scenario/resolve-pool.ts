import { DEFAULT_RESERVE_BYTES, deriveKvBlocks } from "../engine/kv-blocks.ts";
import type { EngineProfile } from "../engine/profile.ts";
import { DEFAULT_GPU_MEMORY_UTILIZATION, engineProfile } from "../engine/profiles.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import { acceleratorNamed } from "../hardware/catalogue.ts";
import type { ReplicaHardware } from "../metrics/scope.ts";
import type { ModelArchitecture } from "../model/architecture.ts";
import type { PoolInput } from "../simulate/input.ts";
import type { ScenarioEngine } from "./engine-schema.ts";
import type { ScenarioPool } from "./schema.ts";
import { createStepTime } from "./step-time.ts";

/** A pool with everything that follows from its hardware, its model and its engine's defaults. */
export interface ResolvedPool {
  readonly input: PoolInput;
  readonly hardware: ReplicaHardware & { readonly accelerator: string };
  readonly accelerator: Accelerator;
  readonly profile: EngineProfile;
  readonly gpuMemoryUtilization: number;
  readonly reserveBytes: number;
  readonly numGpuBlocks: number;
  /** Of one accelerator. */
  readonly pricePerHourUsd: number;
}

/** @throws ScenarioError for an unknown accelerator or profile, or a model that does not fit */
export function resolvePool(pool: ScenarioPool, model: ModelArchitecture): ResolvedPool {
  const { name, replicas, labels, tensorParallel, engine } = pool;
  const accelerator = acceleratorNamed(pool.accelerator);
  const maxModelLenTokens = engine.maxModelLen ?? model.maxPositionEmbeddings;
  const profile = engineProfile(engine.profile, accelerator, maxModelLenTokens, profileOverrides(engine));
  const gpuMemoryUtilization = engine.gpuMemoryUtilization ?? DEFAULT_GPU_MEMORY_UTILIZATION;
  const reserveBytes = engine.reserve ?? DEFAULT_RESERVE_BYTES;
  const { numGpuBlocks } = deriveKvBlocks({
    ...{ accelerator, model, tensorParallel, gpuMemoryUtilization, reserveBytes },
    blockSizeTokens: profile.blockSizeTokens,
    ...(engine.numGpuBlocks === undefined ? {} : { numGpuBlocks: engine.numGpuBlocks }),
  });
  const stepTime = createStepTime(pool, { accelerator, model, profile });
  const pricePerHourUsd = pool.pricePerHour ?? accelerator.pricePerHourUsd.value;
  return {
    input: { name, replicas, labels, profile, stepTime, numGpuBlocks },
    hardware: {
      accelerator: tensorParallel === 1 ? accelerator.id : `${tensorParallel} × ${accelerator.id}`,
      pricePerHourUsd: pricePerHourUsd * tensorParallel,
      idleWatts: accelerator.idleWatts.value * tensorParallel,
      peakWatts: accelerator.peakWatts.value * tensorParallel,
    },
    ...{ accelerator, profile, gpuMemoryUtilization, reserveBytes, numGpuBlocks, pricePerHourUsd },
  };
}

/** What the scenario says of the profile's own fields. */
function profileOverrides(engine: ScenarioEngine): Partial<Omit<EngineProfile, "name" | "maxModelLenTokens">> {
  const given = {
    maxNumSeqs: engine.maxNumSeqs,
    maxNumBatchedTokens: engine.maxNumBatchedTokens,
    longPrefillTokenThreshold: engine.longPrefillTokenThreshold,
    blockSizeTokens: engine.blockSizeTokens,
    enablePrefixCaching: engine.enablePrefixCaching,
    enableChunkedPrefill: engine.enableChunkedPrefill,
    schedulerReserveFullIsl: engine.schedulerReserveFullIsl,
    schedulingPolicy: engine.schedulingPolicy,
    requestOverheadUs: engine.requestOverhead,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
