import { describe, expect, it } from "vitest";
import { checkLinks } from "../../../src/simulate/link-laws.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { checkTiers } from "../../../src/simulate/tier-laws.ts";
import { networkOf } from "../../support/network-of.ts";
import { onePool } from "../../support/one-replica.ts";
import { tier } from "../../support/random-tiered-fleet.ts";
import { rows } from "../../support/rows.ts";

/** A run of two requests, the second of which loads what the first has written. */
function run() {
  const prompt = [
    [1, 32],
    [2, 1],
  ] as const;
  const workload = rows([0, 50_000].map((atUs) => ({ atUs, prompt, output: 1 })));
  const input = onePool(workload, {}, { enablePrefixCaching: false });
  const pools = input.pools.map((pool) => ({ ...pool, kvTiers: { kvBytesPerToken: 1e6, tiers: [tier()] } }));
  return simulate({ ...input, pools, network: networkOf(pools) });
}

describe("the laws of tiers name what breaks them", () => {
  it("a tier beyond its capacity", () => {
    const { kvTiers, ...result } = run();
    const tiers = kvTiers!.tiers.map((summary) => ({ ...summary, peakBlocks: summary.capacityBlocks + 1 }));
    expect(() => checkTiers({ ...result, kvTiers: { ...kvTiers!, tiers } })).toThrow("tiers' capacities hold");
  });

  it("a link beyond its bandwidth", () => {
    const result = run();
    const links = result.links!.map((link) => ({ ...link, busyUs: link.busyUs / 2 }));
    expect(links.length).toBeGreaterThan(0);
    expect(() => checkLinks({ ...result, links })).toThrow('law "bandwidth"');
  });

  it("a step before its blocks, and hits that nobody had", () => {
    const result = run();
    result.requests.scheduledUs[1]! -= 1;
    expect(() => checkTiers(result)).toThrow("a step never starts before its KV is there");
    const other = run();
    other.requests.tiers!.hitTokens[0]![1] = 33;
    expect(() => checkTiers(other)).toThrow("tier hits are part of the hits");
  });
});
