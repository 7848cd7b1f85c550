import { constantEncoderTime, type EncoderTimeModel } from "../engine/encoder-time-model.ts";
import type { EngineProfile } from "../engine/profile.ts";
import { stepOverhead } from "../engine/profiles.ts";
import { createEncoderTime } from "../engine/step-time/encoder.ts";
import { ScenarioError } from "../errors.ts";
import { type Accelerator, memoryBytes } from "../hardware/accelerator.ts";
import { formatBytes } from "../kernel/units.ts";
import type { ModelArchitecture } from "../model/architecture.ts";
import { embeddingBytesPerToken, visionWeightBytes } from "../model/vision-encoder.ts";
import { parallelLayout } from "./parallelism.ts";
import type { ScenarioPool } from "./schema.ts";

const ROLE = "llm-d.ai/role";

/** What encoding depends on besides the pool's own settings. */
interface EncoderFacts {
  readonly accelerator: Accelerator;
  readonly model: ModelArchitecture;
  readonly profile: EngineProfile;
}

/** Bytes of the weights of what encodes images, over all devices; none where the model's config does not tell. */
export const encoderBytes = ({ vision, hiddenSize }: ModelArchitecture) =>
  vision === undefined ? 0 : visionWeightBytes(vision, hiddenSize);

/**
 * What encodes the images, audio and video of a workload in a pool.
 *
 * @throws ScenarioError where neither the model nor the pool says how long that takes
 */
export function resolveEncoder(pool: ScenarioPool, facts: EncoderFacts): EncoderTimeModel {
  const role = pool.labels[ROLE];
  if (role?.startsWith("encode") && pool.kvTiers !== undefined) {
    throw new ScenarioError(
      `pool "${pool.name}" has role ${role} and kvTiers; pods that encode for others have no tiers`,
    );
  }
  const { encodeUs } = encoderTime(pool, facts);
  const encodeStepUs = role === "encode" ? stepWithoutModelUs(pool, facts.profile) : undefined;
  return encodeStepUs === undefined ? { encodeUs } : { encodeUs, encodeStepUs };
}

function encoderTime(pool: ScenarioPool, { accelerator, model }: EncoderFacts): EncoderTimeModel {
  const { encodePerItem } = pool.engine;
  if (encodePerItem !== undefined) return constantEncoderTime(encodePerItem);
  const { vision, hiddenSize } = model;
  if (vision !== undefined) {
    const { tensor: tensorParallel } = parallelLayout(pool);
    return createEncoderTime({ accelerator, vision, hiddenSize, tensorParallel });
  }
  throw new ScenarioError(
    `pool "${pool.name}" needs engine.encodePerItem: the workload has images, audio or video, and the config.json of ` +
      `${model.name} has no vision_config that tells how long encoding takes`,
  );
}

/** What a step takes beside its work, as far as the step time says; the part of each sequence is left out. */
function stepWithoutModelUs({ stepTime }: ScenarioPool, profile: EngineProfile): number | undefined {
  switch (stepTime.model) {
    case "roofline":
      return stepOverhead(profile.name, stepTime.stepOverhead).stepUs;
    case "constant":
      return stepTime.step;
    case "linear":
      return stepTime.base;
    case "table":
      return undefined;
  }
}

/**
 * Blocks of a pod that has the encoder alone: its memory is for embeddings.
 *
 * @throws ScenarioError for a pod of another role, or without room
 */
export function encoderOnlyBlocks(
  { name, labels, engine }: ScenarioPool,
  { accelerator, model, profile }: EncoderFacts,
  memory: { readonly gpuMemoryUtilization: number; readonly reserveBytes: number },
): number {
  if (labels[ROLE] !== "encode") {
    throw new ScenarioError(`pool "${name}" has engine.mmEncoderOnly, which needs labels: { ${ROLE}: encode }`);
  }
  const usable = memoryBytes(accelerator) * memory.gpuMemoryUtilization - memory.reserveBytes;
  const left = usable - encoderBytes(model);
  const blocks = Math.floor(left / (embeddingBytesPerToken(model) * profile.blockSizeTokens));
  if (blocks >= 2 || engine.numGpuBlocks !== undefined) return engine.numGpuBlocks ?? blocks;
  throw new ScenarioError(
    `the encoder of ${model.name} does not fit ${accelerator.id}: ${formatBytes(encoderBytes(model))} of weights, ` +
      `${formatBytes(Math.max(0, usable))} of memory`,
  );
}
