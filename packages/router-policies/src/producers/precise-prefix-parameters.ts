import * as z from "zod";
import { durationUs } from "../framework/units.ts";

/** Of the in-memory index, as upstream. */
export const DEFAULT_SIZE_BLOCKS = 1e8;
export const DEFAULT_POD_CACHE_SIZE = 10;
const DEFAULT_BLOCK_SIZE_TOKENS = 16;
export const DEFAULT_SPECULATIVE_TTL_US = 2_000_000;

const tokenProcessorConfig = z.strictObject({
  blockSizeTokens: z.int().positive().optional().describe(`default ${DEFAULT_BLOCK_SIZE_TOKENS}`),
  blockSize: z.int().positive().optional().describe("deprecated: read as blockSizeTokens when that is unset"),
  hashSeed: z.string().optional().describe("of the host's block keys"),
  hashAlgorithm: z.enum(["cbor-fnv", "xxh64"]).optional().describe("of the host's block keys"),
});

const kvBlockIndexConfig = z.strictObject({
  inMemoryConfig: z
    .strictObject({
      size: z.int().positive().default(DEFAULT_SIZE_BLOCKS).describe("blocks held at most"),
      podCacheSize: z.int().default(DEFAULT_POD_CACHE_SIZE).describe("(endpoint, tier) pairs of a block at most"),
    })
    .optional(),
  costAwareMemoryConfig: z.strictObject({ size: z.string().optional() }).optional(),
  redisConfig: z.strictObject({ address: z.string().optional() }).optional(),
  enableMetrics: z.boolean().optional(),
  metricsLoggingInterval: z.union([z.int(), z.string()]).optional().describe("nanoseconds"),
});

const indexerConfig = z.strictObject({
  kvBlockIndexConfig: kvBlockIndexConfig.optional(),
  kvCacheBackendConfigs: z
    .array(z.strictObject({ name: z.string(), weight: z.number() }))
    .optional()
    .describe("weight of a block by tier, default gpu 1, cpu 0.8; 1 for any other"),
  tokenizersPoolConfig: z.looseObject({}).optional().describe("deprecated, ignored"),
});

const port = z.int().min(0).max(65535);

const kvEventsConfig = z.strictObject({
  zmqEndpoint: z.string().optional(),
  topicFilter: z.string().optional(),
  concurrency: z.int().optional(),
  engineType: z.enum(["vllm", "sglang"]).optional(),
  discoverPods: z.boolean().optional(),
  podDiscoveryConfig: z
    .strictObject({
      podLabelSelector: z.string().optional().describe("ignored: the pool's endpoints"),
      podNamespace: z.string().optional(),
      socketPort: port.optional(),
      replaySocketPort: port.optional(),
    })
    .optional(),
});

/** Parameters of the precise index; how events are received is the host's part. */
export const precisePrefixParameters = z.strictObject({
  tokenProcessorConfig: tokenProcessorConfig.optional(),
  indexerConfig: indexerConfig.optional(),
  kvEventsConfig: kvEventsConfig.optional(),
  speculativeIndexing: z.boolean().default(false).describe("assume at once that a target holds what it was sent"),
  speculativeTTL: z
    .string()
    .refine((text) => durationUs(text) !== undefined, "not a duration such as 2s")
    .default("2s")
    .describe("how long such an assumption lasts; 0 or less: 2s"),
});

export type PrecisePrefixParameters = z.output<typeof precisePrefixParameters>;

/** The block size of the index's keys. */
export function preciseBlockSizeTokens(given: PrecisePrefixParameters): number {
  const { blockSizeTokens, blockSize } = given.tokenProcessorConfig ?? {};
  return blockSizeTokens ?? blockSize ?? DEFAULT_BLOCK_SIZE_TOKENS;
}
