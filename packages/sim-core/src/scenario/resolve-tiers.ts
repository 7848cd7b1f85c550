import { ScenarioError } from "../errors.ts";
import type { KvFormat, ModelArchitecture } from "../model/architecture.ts";
import { meanTokenBytesPerGpu } from "../model/kv-cache-size.ts";
import type { KvTiersInput } from "../tiers/tier-input.ts";
import type { LoadedScenario } from "./load.ts";
import type { ScenarioTiers } from "./tiers-schema.ts";

/** The tiers of a pool, with what a token takes in them: as in HBM, of all devices together, each head once. */
export function resolveTiers(
  given: ScenarioTiers,
  model: ModelArchitecture,
  format: KvFormat,
  sizingContextTokens: number,
): KvTiersInput {
  const kvBytesPerToken = meanTokenBytesPerGpu(model, 1, format, sizingContextTokens);
  return { kvBytesPerToken, tiers: given.map(({ capacity, ...rest }) => ({ ...rest, capacityBytes: capacity })) };
}

/**
 * Checks that pools that share a tier say the same of it.
 *
 * @throws ScenarioError for one that does not
 */
export function checkSharedTiers(loaded: LoadedScenario): void {
  const shared = new Map<string, { readonly capacity: number; readonly pool: string }>();
  for (const [index, { name, kvTiers = [] }] of loaded.scenario.spec.pools.entries()) {
    for (const [at, { tier, scope, capacity }] of kvTiers.entries()) {
      if (scope === "replica") continue;
      const known = shared.get(`${tier} ${scope}`) ?? { capacity, pool: name };
      shared.set(`${tier} ${scope}`, known);
      if (known.capacity === capacity) continue;
      throw new ScenarioError(
        `${loaded.place(["spec", "pools", index, "kvTiers", at, "capacity"])}: capacity of ${tier} is not that of pool ` +
          `"${known.pool}"; one that a ${scope} shares is one`,
      );
    }
  }
}
