import { deriveKvBlocks } from "../engine/kv-blocks.ts";
import type { EngineProfile } from "../engine/profile.ts";
import { engineMemory, engineProfile } from "../engine/profiles.ts";
import { draftModel } from "../engine/step-time/speculative.ts";
import { ScenarioError } from "../errors.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import { acceleratorNamed } from "../hardware/catalogue.ts";
import type { ReplicaHardware } from "../metrics/scope.ts";
import type { KvFormat, ModelArchitecture, WeightFormat } from "../model/architecture.ts";
import { defaultKvFormat, hasUnlikeCaches } from "../model/kv-cache-size.ts";
import { inWeightFormat } from "../model/parameters.ts";
import type { PoolInput } from "../simulate/input.ts";
import type { ScenarioEngine } from "./engine-schema.ts";
import { devicesPerRank, type ParallelLayout, parallelLayout } from "./parallelism.ts";
import { encoderBytes, encoderOnlyBlocks, resolveEncoder } from "./resolve-encoder.ts";
import { type ResolvedLora, resolveLora } from "./resolve-lora.ts";
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
  readonly lora?: ResolvedLora;
  /** Of one accelerator. */
  readonly pricePerHourUsd: number;
}

/**
 * @param workload its mean tokens of a sequence, prompt and output, and whether prompts have images, audio or video
 * @throws ScenarioError for an unknown accelerator or profile, or a model that does not fit
 */
export function resolvePool(
  pool: ScenarioPool,
  given: ModelArchitecture,
  { meanSequenceTokens, hasItems }: { readonly meanSequenceTokens: number; readonly hasItems: boolean },
): ResolvedPool {
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
  requireKnownRules(profile, engine);
  const kept = engineMemory(engine.profile, accelerator);
  const memory = {
    gpuMemoryUtilization: engine.gpuMemoryUtilization ?? kept.gpuMemoryUtilization,
    reserveBytes: engine.reserve ?? kept.reserveBytes,
    ...(hasUnlikeCaches(model) ? { sizingContextTokens: engine.sizingContextTokens ?? meanSequenceTokens } : {}),
  };
  const facts = { accelerator, model, profile };
  const lora = engine.lora && resolveLora(engine.lora, model, accelerator, layout);
  const derivedBlocks = () =>
    deriveKvBlocks({
      ...{ accelerator, model, ...memory, ...drafterOf(engine, model) },
      ...(lora && { adapterBytesPerGpu: lora.slotBytesPerGpu }),
      ...(hasItems ? { encoderBytes: encoderBytes(model) } : {}),
      tensorParallel: layout.tensor,
      pipelineParallel: layout.pipeline,
      dataParallel: layout.data,
      kvFormat: kvCacheDtype,
      blockSizeTokens: profile.blockSizeTokens,
      ...(engine.numGpuBlocks === undefined ? {} : { numGpuBlocks: engine.numGpuBlocks }),
    }).numGpuBlocks;
  const encoderOnly = engine.mmEncoderOnly === true;
  const numGpuBlocks = encoderOnly ? encoderOnlyBlocks(pool, facts, memory) : derivedBlocks();
  const stepTime = createStepTime(pool, { ...facts, kvFormat: kvCacheDtype });
  const pricePerHourUsd = pool.pricePerHour ?? accelerator.pricePerHourUsd.value;
  return {
    input: {
      ...{ name, replicas: pool.replicas * layout.data, labels, profile, stepTime, numGpuBlocks },
      // vLLM runs the ranks of models without experts apart.
      ...(layout.data > 1 && model.moe !== undefined && !encoderOnly && { lockstepRanks: layout.data }),
      ...(lora && { lora: lora.profile }),
      ...(hasItems && { encoder: resolveEncoder(pool, facts) }),
      ...(encoderOnly && { encoderOnly }),
      ...(pool.kvTiers && {
        kvTiers: resolveTiers(pool.kvTiers, model, kvCacheDtype, memory.sizingContextTokens ?? meanSequenceTokens),
      }),
    },
    hardware: replicaHardware(accelerator, devicesPerRank(layout), pricePerHourUsd),
    ...{ accelerator, layout, profile, ...memory, numGpuBlocks, pricePerHourUsd },
    quantization: model.weightFormat,
    kvCacheDtype,
    ...(lora && { lora }),
  };
}

/** @throws ScenarioError for a setting that the profile's scheduler does not have, or that it refuses */
function requireKnownRules(profile: EngineProfile, engine: ScenarioEngine): void {
  const { name, scheduler, blockSizeTokens, maxNumBatchedTokens } = profile;
  const isSglang = scheduler === "sglang";
  // A resolved scenario has vLLM's settings written out, as off.
  const foreign = isSglang
    ? (["longPrefillTokenThreshold", "schedulerReserveFullIsl", "guaranteedNoEvict"] as const).find(
        (key) => engine[key],
      )
    : engine.scheduleConservativeness === undefined
      ? undefined
      : "scheduleConservativeness";
  if (foreign !== undefined) throw new ScenarioError(`engine.${foreign}: ${name} has no such setting`);
  if (isSglang && profile.enableChunkedPrefill && maxNumBatchedTokens % blockSizeTokens !== 0) {
    throw new ScenarioError(
      `engine.maxNumBatchedTokens: ${name} splits prompts at whole blocks of ${blockSizeTokens} tokens, found ${maxNumBatchedTokens}`,
    );
  }
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
    scheduleConservativeness: engine.scheduleConservativeness,
    requestOverheadUs: engine.requestOverhead,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
