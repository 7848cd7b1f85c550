import { ScenarioError } from "../errors.ts";
import { type Accelerator, memoryBytes } from "../hardware/accelerator.ts";
import { formatBytes } from "../kernel/units.ts";
import type { KvFormat, ModelArchitecture } from "../model/architecture.ts";
import { pooledTokenBytesPerGpu } from "../model/packed-blocks.ts";
import { weightBytesByPart } from "../model/parameters.ts";
import { VLLM_MEMORY } from "./profiles/vllm-settings.ts";
import { largestStageFraction } from "./step-time/pipeline.ts";

/**
 * Tokens of the sequence by whose mean memory a token counts, where layers keep a window or a state and no workload says
 * (`assumed`).
 */
const DEFAULT_SIZING_CONTEXT_TOKENS = 4096;

/** What the number of KV blocks follows from. */
export interface KvBlocksInput {
  readonly accelerator: Accelerator;
  readonly model: ModelArchitecture;
  readonly tensorParallel: number;
  /** Default 1. */
  readonly pipelineParallel?: number;
  /** Ranks that share the routed experts, each with its own attention and KV cache; default 1. */
  readonly dataParallel?: number;
  /** Layer that drafts tokens, with weights and a KV cache of its own. */
  readonly drafter?: ModelArchitecture;
  /** Slots for LoRA adapters. */
  readonly adapterBytesPerGpu?: number;
  /** Weights of what encodes images, over the devices of tensor parallelism; default 0. */
  readonly encoderBytes?: number;
  /** Mean tokens of a sequence; only where layers keep a window or a state. */
  readonly sizingContextTokens?: number;
  readonly blockSizeTokens: number;
  readonly gpuMemoryUtilization: number;
  readonly kvFormat?: KvFormat;
  readonly reserveBytes?: number;
  /** Given outright: wins over the formula. */
  readonly numGpuBlocks?: number;
}

/** Blocks of a replica, and the parts of the sum for a report. */
export interface KvBlocks {
  /** The engine's null block included. */
  readonly numGpuBlocks: number;
  readonly capacityTokens: number;
  readonly weightBytesPerGpu: number;
  readonly kvBytesPerTokenPerGpu: number;
  readonly kvCacheBytesPerGpu: number;
  readonly source: "given" | "derived";
}

/**
 * Bytes of weights on the fullest device: all divided by TP, the layers by the stages of a pipeline, routed experts by the
 * data-parallel ranks too. Of a pipeline, the first stage has the embedding and the last the output head.
 */
function weightBytesPerGpu({ model, tensorParallel, pipelineParallel = 1, dataParallel = 1 }: KvBlocksInput): number {
  const { linear, routed, plain } = weightBytesByPart(model);
  const stage = largestStageFraction(model.layers, pipelineParallel);
  const ends = pipelineParallel > 1 && !model.tieWordEmbeddings ? 2 : 1;
  return (stage * (linear - routed + routed / dataParallel) + plain / ends) / tensorParallel;
}

/** Bytes of a token on the fullest device: as it is where all layers keep the whole context, else the mean of a sequence. */
function tokenBytesPerGpu(input: KvBlocksInput): number {
  const { model, tensorParallel, kvFormat = "bfloat16", pipelineParallel = 1, drafter } = input;
  const context = input.sizingContextTokens ?? DEFAULT_SIZING_CONTEXT_TOKENS;
  const bytes = pooledTokenBytesPerGpu(model, tensorParallel, kvFormat, context);
  const drafts = drafter === undefined ? 0 : pooledTokenBytesPerGpu(drafter, tensorParallel, kvFormat, context);
  return bytes * largestStageFraction(model.layers, pipelineParallel) + drafts;
}

/**
 * KV blocks of one replica: floor((capacity * utilisation - weights / TP - reserve) / bytes of a block), all per device.
 *
 * Where layers keep a window or a state, vLLM's groups of layers take blocks of one pool as they need them; here a block
 * has the mean bytes of its tokens in a sequence of the mean length, which is exact when all sequences have it.
 *
 * @throws ScenarioError when the weights leave no room for a block, with by how much
 */
export function deriveKvBlocks(input: KvBlocksInput): KvBlocks {
  const { accelerator, model, blockSizeTokens, drafter, adapterBytesPerGpu = 0 } = input;
  const bytesPerToken = tokenBytesPerGpu(input);
  const blockBytes = bytesPerToken * blockSizeTokens;
  const drafterBytes = drafter === undefined ? 0 : weightBytesPerGpu({ ...input, model: drafter, pipelineParallel: 1 });
  const encoderBytes = (input.encoderBytes ?? 0) / input.tensorParallel;
  const weights = weightBytesPerGpu(input) + drafterBytes + adapterBytesPerGpu + encoderBytes;
  const result = (blocks: number, source: KvBlocks["source"]): KvBlocks => ({
    numGpuBlocks: blocks,
    capacityTokens: (blocks - 1) * blockSizeTokens,
    weightBytesPerGpu: weights,
    kvBytesPerTokenPerGpu: bytesPerToken,
    kvCacheBytesPerGpu: blocks * blockBytes,
    source,
  });
  if (input.numGpuBlocks !== undefined) return result(input.numGpuBlocks, "given");
  const reserve = input.reserveBytes ?? VLLM_MEMORY.reserveBytes;
  const usable = memoryBytes(accelerator) * input.gpuMemoryUtilization;
  const blocks = Math.floor((usable - weights - reserve) / blockBytes);
  // The null block holds no tokens, so one block alone can serve nothing.
  if (blocks >= 2) return result(blocks, "derived");
  const shortBytes = weights + reserve + 2 * blockBytes - usable;
  const devices = input.tensorParallel * (input.pipelineParallel ?? 1);
  throw new ScenarioError(
    `${model.name} does not fit ${devices} x ${accelerator.id}: a device has ${formatBytes(usable)} at ` +
      `gpuMemoryUtilization ${input.gpuMemoryUtilization}, weights${adapterBytesPerGpu > 0 ? " and adapter slots" : ""} take ${formatBytes(weights)} and the reserve ` +
      `${formatBytes(reserve)}, ${formatBytes(shortBytes)} too much (more devices, smaller weights, or another accelerator)`,
  );
}
