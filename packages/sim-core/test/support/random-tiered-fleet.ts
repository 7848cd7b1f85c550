import fc from "fast-check";
import type { SimulationInput } from "../../src/simulate/input.ts";
import type { KvTierInput } from "../../src/tiers/tier-input.ts";
import { networkOf } from "./network-of.ts";
import { onOneNode } from "./one-node.ts";
import { withPrivateRows } from "./private-rows.ts";
import { randomDisaggregatedFleet } from "./random-disaggregated-fleet.ts";
import { randomFleet } from "./random-fleet.ts";

/** A tier with everything at its default, but for what is given. */
export const tier = (given: Partial<KvTierInput> = {}): KvTierInput => ({
  tier: "host-dram",
  capacityBytes: 1e9,
  scope: "replica",
  write: "through",
  load: "always",
  promote: true,
  prefetch: false,
  storeOutputs: true,
  readPeers: false,
  warm: false,
  ...given,
});

const BYTES_PER_TOKEN = 100_000;
const BLOCK_BYTES = 16 * BYTES_PER_TOKEN;

const tierOf = (name: string): fc.Arbitrary<KvTierInput> =>
  fc
    .record({
      capacityBlocks: fc.integer({ min: 0, max: 80 }),
      scope: fc.constantFrom("replica" as const, "node" as const, "fleet" as const),
      write: fc.constantFrom("through" as const, "through" as const, "none" as const, "back" as const, "back" as const),
      load: fc.constantFrom("always" as const, "always" as const, "cheaper" as const, "never" as const),
      promote: fc.boolean(),
      prefetch: fc.boolean(),
      storeOutputs: fc.boolean(),
      readPeers: fc.boolean(),
      warm: fc.boolean(),
    })
    .map(({ capacityBlocks, ...rest }) => ({ tier: name, capacityBytes: capacityBlocks * BLOCK_BYTES, ...rest }));

export const randomChain = fc
  .tuple(tierOf("host-dram"), tierOf("nvme"), tierOf("network-store"), fc.integer({ min: 1, max: 7 }))
  .map(([dram, nvme, store, which]) => [dram, nvme, store].filter((_, at) => (which >> at) & 1));

/** Small fleets with tiers of every kind that are short of room, with and without prefill on other pods. */
export const randomTieredFleet: fc.Arbitrary<SimulationInput> = fc
  .tuple(
    fc.oneof(randomFleet, randomDisaggregatedFleet),
    randomChain,
    fc.boolean(),
    fc.constantFrom(0, 0, 1, 2),
    fc.boolean(),
  )
  .map(([input, tiers, lastHasNone, privateRows, isOneNode]) => {
    const pools = input.pools
      .filter(({ replicas }) => replicas > 0)
      .map((pool, index) =>
        lastHasNone && index > 0 ? pool : { ...pool, kvTiers: { kvBytesPerToken: BYTES_PER_TOKEN, tiers } },
      );
    const workload = withPrivateRows(input.workload, privateRows);
    return { ...input, workload, pools, network: isOneNode ? onOneNode(pools) : networkOf(pools) };
  });
