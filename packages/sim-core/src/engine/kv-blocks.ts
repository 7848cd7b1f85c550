import { ScenarioError } from "../errors.ts";
import { type Accelerator, memoryBytes } from "../hardware/accelerator.ts";
import { formatBytes } from "../kernel/units.ts";
import type { KvFormat, ModelArchitecture } from "../model/architecture.ts";
import { kvBytesPerTokenPerGpu } from "../model/kv-cache-size.ts";
import { weightBytes } from "../model/parameters.ts";

/**
 * Activations and memory outside the tensor allocator that the engine keeps clear on each device: 3.4 GiB. Fitted:
 * 3.15 from 9,271 blocks of Qwen3-32B BF16 on 2 H100 at 0.65, 3.66 from 307,328 tokens of it at 0.90.
 */
export const DEFAULT_RESERVE_BYTES = Math.round(3.4 * 2 ** 30);

/** What the number of KV blocks follows from. */
export interface KvBlocksInput {
  readonly accelerator: Accelerator;
  readonly model: ModelArchitecture;
  readonly tensorParallel: number;
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
 * KV blocks of one replica: floor((capacity * utilisation - weights / TP - reserve) / bytes of a block), all per device.
 *
 * @throws ScenarioError when the weights leave no room for a block, with by how much
 */
export function deriveKvBlocks(input: KvBlocksInput): KvBlocks {
  const { accelerator, model, tensorParallel, blockSizeTokens } = input;
  const bytesPerToken = kvBytesPerTokenPerGpu(model, tensorParallel, input.kvFormat ?? "bfloat16");
  const blockBytes = bytesPerToken * blockSizeTokens;
  const weights = weightBytes(model) / tensorParallel;
  const result = (blocks: number, source: KvBlocks["source"]): KvBlocks => ({
    numGpuBlocks: blocks,
    capacityTokens: (blocks - 1) * blockSizeTokens,
    weightBytesPerGpu: weights,
    kvBytesPerTokenPerGpu: bytesPerToken,
    kvCacheBytesPerGpu: blocks * blockBytes,
    source,
  });
  if (input.numGpuBlocks !== undefined) return result(input.numGpuBlocks, "given");
  const reserve = input.reserveBytes ?? DEFAULT_RESERVE_BYTES;
  const usable = memoryBytes(accelerator) * input.gpuMemoryUtilization;
  const blocks = Math.floor((usable - weights - reserve) / blockBytes);
  // The null block holds no tokens, so one block alone can serve nothing.
  if (blocks >= 2) return result(blocks, "derived");
  const shortBytes = weights + reserve + 2 * blockBytes - usable;
  throw new ScenarioError(
    `${model.name} does not fit ${tensorParallel} x ${accelerator.id}: a device has ${formatBytes(usable)} at ` +
      `gpuMemoryUtilization ${input.gpuMemoryUtilization}, weights take ${formatBytes(weights)} and the reserve ` +
      `${formatBytes(reserve)}, ${formatBytes(shortBytes)} too much (more devices, smaller weights, or another accelerator)`,
  );
}
