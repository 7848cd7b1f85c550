import { describe, expect, it } from "vitest";
import { namedStream } from "../../src/kernel/random.ts";
import { simulate } from "../../src/simulate/simulate.ts";
import { networkOf } from "../support/network-of.ts";
import { onePool } from "../support/one-replica.ts";
import { tier } from "../support/random-tiered-fleet.ts";
import { type Row, rows } from "../support/rows.ts";

const PREFIXES = 500;
const ZIPF_EXPONENT = 0.8;
const REQUESTS = 60_000;
const BLOCK_BYTES = 1e6;

const weights = Array.from({ length: PREFIXES }, (_, rank) => (rank + 1) ** -ZIPF_EXPONENT);
const sum = weights.reduce((total, weight) => total + weight, 0);
const popularities = weights.map((weight) => weight / sum);

/** Hit rate of an LRU cache of so many blocks under independent references (Che, Tung and Wang 2002, eq. 2 and 3). */
function cheHitFraction(blocks: number): number {
  const held = (time: number) => popularities.reduce((total, p) => total + 1 - Math.exp(-p * time), 0);
  let [low, high] = [0, 1e9];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (held(middle) < blocks) low = middle;
    else high = middle;
  }
  return popularities.reduce((total, p) => total + p * (1 - Math.exp(-p * low)), 0);
}

function independentPrompts(): Row[] {
  const draw = namedStream(1, "prefixes");
  return Array.from({ length: REQUESTS }, (_, row) => {
    let left = draw.next();
    let prefix = 0;
    while (prefix < PREFIXES - 1 && left >= popularities[prefix]!) left -= popularities[prefix++]!;
    // One block that others share, and a token that must be computed; nothing overlaps.
    return {
      atUs: row * 5000,
      prompt: [
        [prefix, 16],
        [PREFIXES + row, 1],
      ],
      output: 1,
    };
  });
}

describe("tiers under independent prompts of one block", () => {
  it("hit as Che's approximation says, each tier having what the one above has too", () => {
    const [dramBlocks, nvmeBlocks] = [50, 200];
    const input = onePool(rows(independentPrompts()), { preset: "round-robin" }, { enablePrefixCaching: false });
    const pools = input.pools.map((pool) => ({
      ...pool,
      kvTiers: {
        kvBytesPerToken: BLOCK_BYTES / 16,
        tiers: [
          tier({ capacityBytes: dramBlocks * BLOCK_BYTES }),
          tier({ tier: "nvme", capacityBytes: nvmeBlocks * BLOCK_BYTES }),
        ],
      },
    }));
    const { requests } = simulate({ ...input, pools, network: networkOf(pools) });
    const from = REQUESTS / 10;
    const hits = requests.tiers!.hitTokens.map((column) => {
      const counted = column.subarray(from);
      return counted.filter((tokens) => tokens > 0).length / counted.length;
    });
    const [dram, nvme] = hits as [number, number];
    // 54,000 requests: three standard deviations are under 0.007, the approximation's own error is of that order.
    expect(Math.abs(dram - cheHitFraction(dramBlocks))).toBeLessThan(0.01);
    expect(Math.abs(dram + nvme - cheHitFraction(nvmeBlocks))).toBeLessThan(0.01);
    expect(dram).toBeGreaterThan(0.3);
    expect(nvme).toBeGreaterThan(0.2);
  });
});
