import { DEFAULT_RESERVE_BYTES, deriveKvBlocks } from "../engine/kv-blocks.ts";
import type { EngineProfile } from "../engine/profile.ts";
import { DEFAULT_GPU_MEMORY_UTILIZATION, engineProfile } from "../engine/profiles.ts";
import { draftModel } from "../engine/step-time/speculative.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import { acceleratorNamed } from "../hardware/catalogue.ts";
import type { ReplicaHardware } from "../metrics/scope.ts";
import type { KvFormat, ModelArchitecture, WeightFormat } from "../model/architecture.ts";
import { defaultKvFormat, hasUnlikeCaches } from "../model/kv-cache-size.ts";
import { inWeightFormat } from "../model/parameters.ts";
import type { PoolInput } from "../simulate/input.ts";
import type { ScenarioEngine } from "./engine-schema.ts";
import { devicesPerRank, type ParallelLayout, parallelLayout } from "./parallelism.ts";
import { resolveTiers } from "./resolve-tiers.ts";
import type { ScenarioPool } from "./schema.ts";
import { createStepTime } from "./step-time.ts";

/** A pool with everything that follows from its hardware, its model and its engine's defaults. */
export interface ResolvedPool {
  readonly input: PoolInput;
  readonly hardware: ReplicaHardware & { readonly accelerator: string };
  readonly accelerator: Accelerator;
  readonly layout: ParallelLayout;
  readonly profile: EngineProfile;
  readonly gpuMemoryUtilization: number;
  readonly reserveBytes: number;
  readonly numGpuBlocks: number;
  readonly quantization: WeightFormat;
  readonly kvCacheDtype: KvFormat;
  /** Only where layers keep a window or a state. */
  readonly sizingContextTokens?: number;
  /** Of one accelerator. */
  readonly pricePerHourUsd: number;
}

/**
 * @param meanSequenceTokens of the workload, prompt and output
 * @throws ScenarioError for an unknown accelerator or profile, or a model that does not fit
 */
export function resolvePool(pool: ScenarioPool, given: ModelArchitecture, meanSequenceTokens: number): ResolvedPool {
  const { name, labels, engine } = pool;
  const layout = parallelLayout(pool);
  const accelerator = acceleratorNamed(pool.accelerator);
  const model = inWeightFormat(given, engine.quantization ?? given.weightFormat);
  const kvCacheDtype = engine.kvCacheDtype ?? defaultKvFormat(model);
  const maxModelLenTokens = engine.maxModelLen ?? model.maxPositionEmbeddings;
  const profile = engineProfile(engine.profile, accelerator, maxModelLenTokens, {
    // vLLM 0.19, `ModelConfig.is_prefix_caching_supported`: off for models with states.
    ...(model.states.length > 0 ? { enablePrefixCaching: false } : {}),
    ...profileOverrides(engine),
  });
  const memory = {
    gpuMemoryUtilization: engine.gpuMemoryUtilization ?? DEFAULT_GPU_MEMORY_UTILIZATION,
    reserveBytes: engine.reserve ?? DEFAULT_RESERVE_BYTES,
    ...(hasUnlikeCaches(model) ? { sizingContextTokens: engine.sizingContextTokens ?? meanSequenceTokens } : {}),
  };
  const { numGpuBlocks } = deriveKvBlocks({
    ...{ accelerator, model, ...memory, ...drafterOf(engine, model) },
    tensorParallel: layout.tensor,
    pipelineParallel: layout.pipeline,
    dataParallel: layout.data,
    kvFormat: kvCacheDtype,
    blockSizeTokens: profile.blockSizeTokens,
    ...(engine.numGpuBlocks === undefined ? {} : { numGpuBlocks: engine.numGpuBlocks }),
  });
  const stepTime = createStepTime(pool, { accelerator, model, profile, kvFormat: kvCacheDtype });
  const pricePerHourUsd = pool.pricePerHour ?? accelerator.pricePerHourUsd.value;
  return {
    input: {
      ...{ name, replicas: pool.replicas * layout.data, labels, profile, stepTime, numGpuBlocks },
      ...(pool.kvTiers && {
        kvTiers: resolveTiers(pool.kvTiers, model, kvCacheDtype, memory.sizingContextTokens ?? meanSequenceTokens),
      }),
    },
    hardware: replicaHardware(accelerator, devicesPerRank(layout), pricePerHourUsd),
    ...{ accelerator, layout, profile, ...memory, numGpuBlocks, pricePerHourUsd },
    quantization: model.weightFormat,
    kvCacheDtype,
  };
}

function drafterOf({ speculative }: ScenarioEngine, model: ModelArchitecture): { drafter?: ModelArchitecture } {
  if (speculative === undefined || speculative.method === "ngram") return {};
  // Embedding and output head are the model's own.
  return { drafter: { ...draftModel(model, speculative.method), vocabSize: 0 } };
}

function replicaHardware(accelerator: Accelerator, devices: number, pricePerHourUsd: number): ResolvedPool["hardware"] {
  return {
    accelerator: devices === 1 ? accelerator.id : `${devices} × ${accelerator.id}`,
    pricePerHourUsd: pricePerHourUsd * devices,
    idleWatts: accelerator.idleWatts.value * devices,
    peakWatts: accelerator.peakWatts.value * devices,
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
    guaranteedNoEvict: engine.guaranteedNoEvict,
    schedulingPolicy: engine.schedulingPolicy,
    requestOverheadUs: engine.requestOverhead,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
