import { describe, expect, it } from "vitest";
import type { StepTimeModel } from "../../../src/engine/step-time-model.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import type { KvTierInput } from "../../../src/tiers/tier-input.ts";
import { networkOf } from "../../support/network-of.ts";
import { constantStep, onePool } from "../../support/one-replica.ts";
import { tier } from "../../support/random-tiered-fleet.ts";
import { perTokenStep, type Row, rows } from "../../support/rows.ts";

/** Two blocks are what an H100's host link, 0.8 of 64 GB/s, carries in a millisecond. */
const BYTES_PER_TOKEN = 1.6e6;
const BLOCK_BYTES = 16 * BYTES_PER_TOKEN;

/** 32 tokens of a prefix, and one of its own. */
const prompt = (prefix: number, row: number) =>
  [
    [prefix, 32],
    [100 + row, 1],
  ] as const;

const ask = (prefixes: readonly (readonly [atUs: number, prefix: number])[]): Row[] =>
  prefixes.map(([atUs, prefix], row) => ({ atUs, prompt: prompt(prefix, row), output: 1 }));

interface Given {
  readonly replicas?: number;
  readonly preset?: string;
  readonly stepTime?: StepTimeModel;
  readonly hbm?: boolean;
  /** Of HBM, vLLM's null block included. */
  readonly numGpuBlocks?: number;
}

/** Runs rows on replicas that find nothing in HBM, unless `hbm`. */
function run(given: readonly Row[], tiers: readonly KvTierInput[], more: Given = {}) {
  const { replicas = 1, preset = "round-robin", stepTime = constantStep(1000), hbm = false, numGpuBlocks } = more;
  const input = onePool(rows(given), { replicas, preset }, { enablePrefixCaching: hbm }, stepTime, numGpuBlocks);
  const pools = input.pools.map((pool) => ({ ...pool, kvTiers: { kvBytesPerToken: BYTES_PER_TOKEN, tiers } }));
  const { requests, kvTiers, links, endUs } = simulate({ ...input, pools, network: networkOf(pools) });
  const hits = Object.fromEntries(
    requests.tiers!.sources.map((name, at) => [name, [...requests.tiers!.hitTokens[at]!]]),
  );
  return { requests, hits, tiers: kvTiers!.tiers, links, endUs };
}

describe("host DRAM", () => {
  it("gives back what a prompt's end has written: asked for, loaded over the host link, computed on", () => {
    const { requests, hits, tiers } = run(
      ask([
        [0, 1],
        [1500, 1],
        [5000, 1],
      ]),
      [tier()],
    );
    // The first is done at 1000; its two blocks are written in 1000 + 10, too late for the second.
    expect([...requests.firstTokenUs]).toEqual([1000, 2500, 7010]);
    expect(hits).toEqual({ "host-dram": [0, 0, 32] });
    expect([...requests.cachedTokens]).toEqual([0, 0, 32]);
    expect(requests.tiers!.loadStartUs[2]).toBe(5000);
    expect(requests.tiers!.loadEndUs[2]).toBe(6010);
    expect(requests.scheduledUs[2]).toBe(6010);
    expect(requests.tiers!.loadedBytes[2]).toBe(2 * BLOCK_BYTES);
    expect(tiers).toEqual([
      {
        ...{ tier: "host-dram", of: "pool-0", capacityBlocks: 39, usedBlocks: 2, peakBlocks: 2 },
        ...{ storedBlocks: 2, evictedBlocks: 0, readBytes: 2 * BLOCK_BYTES, writtenBytes: 2 * BLOCK_BYTES },
      },
    ]);
  });

  it("shares the host link among loads", () => {
    const { requests } = run(
      ask([
        [0, 1],
        [5000, 1],
        [5000, 1],
      ]),
      [tier()],
    );
    // Half the link each: 2000 + 10, and both compute in one step.
    expect([...requests.tiers!.loadEndUs]).toEqual([Number.NaN, 7010, 7010]);
    expect([...requests.firstTokenUs]).toEqual([1000, 8010, 8010]);
  });

  it("has nothing to do where HBM has it all", () => {
    const { requests, hits } = run(
      ask([
        [0, 1],
        [5000, 1],
      ]),
      [tier()],
      { hbm: true },
    );
    expect([...requests.firstTokenUs]).toEqual([1000, 6000]);
    expect([...requests.cachedTokens]).toEqual([0, 32]);
    expect(hits).toEqual({ "host-dram": [0, 0] });
  });

  it("evicts what was used least recently", () => {
    const times = [1, 2, 1, 3, 1, 2].map((prefix, row) => [row * 10_000, prefix] as const);
    const { hits, tiers } = run(ask(times), [tier({ capacityBytes: 4 * BLOCK_BYTES })]);
    // 3 displaces 2, as 1 was used since; asking for 2 then displaces 3.
    expect(hits).toEqual({ "host-dram": [0, 0, 32, 0, 32, 0] });
    expect(tiers[0]).toMatchObject({ capacityBlocks: 4, usedBlocks: 4, evictedBlocks: 4, storedBlocks: 8 });
  });

  it("keeps generated blocks too, unless told not to", () => {
    const turns: Row[] = [
      { atUs: 0, prompt: [[1, 16]], output: 17, outputId: 2 },
      {
        atUs: 50_000,
        prompt: [
          [1, 16],
          [2, 16],
          [3, 8],
        ],
        output: 1,
      },
    ];
    expect(run(turns, [tier()]).hits).toEqual({ "host-dram": [0, 32] });
    expect(run(turns, [tier({ storeOutputs: false })]).hits).toEqual({ "host-dram": [0, 16] });
  });

  it("fills up with what nobody can name as well", () => {
    const { tiers } = run([{ atUs: 0, prompt: 40, output: 9 }], [tier()]);
    // 40 + 8 computed tokens are three blocks.
    expect(tiers[0]).toMatchObject({ storedBlocks: 3, writtenBytes: 3 * BLOCK_BYTES });
  });
});

describe("written back from HBM", () => {
  const back = [tier({ write: "back" })];

  it("has what HBM evicts, from when it does", () => {
    const three = ask([
      [0, 1],
      [5000, 2],
      [10_000, 1],
    ]);
    // Four blocks: the second prompt's three displace the second block of the first's, the third's the second's.
    const { requests, hits, tiers } = run(three, back, { hbm: true, numGpuBlocks: 5 });
    expect(hits).toEqual({ "host-dram": [0, 0, 16] });
    expect([...requests.cachedTokens]).toEqual([0, 0, 32]);
    // One block is 500 us and 10 away; the last token is computed then.
    expect(requests.tiers!.loadEndUs[2]).toBe(10_510);
    expect([...requests.firstTokenUs]).toEqual([1000, 6000, 11_510]);
    expect(tiers[0]).toMatchObject({ storedBlocks: 2, usedBlocks: 2, writtenBytes: 2 * BLOCK_BYTES });
  });

  it("evictions in the midst of a decode are written when their step starts", () => {
    const given: Row[] = [
      { atUs: 0, prompt: prompt(1, 0), output: 1 },
      { atUs: 5000, prompt: 31, output: 19 },
    ];
    const { tiers, endUs } = run(given, back, { hbm: true, numGpuBlocks: 5, stepTime: constantStep(100) });
    // Its 33rd and 49th tokens are computed by steps that start at 5200 and 6800, and need a block each.
    expect(tiers[0]).toMatchObject({ storedBlocks: 2, writtenBytes: 2 * BLOCK_BYTES });
    expect(endUs).toBe(6800 + 510);
  });

  it("has nothing where HBM keeps all", () => {
    const { tiers } = run(
      ask([
        [0, 1],
        [5000, 2],
      ]),
      back,
      { hbm: true },
    );
    expect(tiers[0]).toMatchObject({ storedBlocks: 0, writtenBytes: 0 });
  });
});

describe("loading or computing", () => {
  const twice = ask([
    [0, 1],
    [50_000, 1],
  ]);

  it("cheaper: loads where that saves time", () => {
    // 33 tokens take 3300 us, one takes 100, loading 1010.
    const { hits } = run(twice, [tier({ load: "cheaper" })], { stepTime: perTokenStep(100) });
    expect(hits).toEqual({ "host-dram": [0, 32] });
  });

  it("cheaper: computes where that takes less", () => {
    // 33 tokens take 990 us.
    const { hits, requests } = run(twice, [tier({ load: "cheaper" })], { stepTime: perTokenStep(30) });
    expect(hits).toEqual({ "host-dram": [0, 0] });
    expect(requests.firstTokenUs[1]).toBe(50_990);
  });

  it("always and never mean it", () => {
    expect(run(twice, [tier()], { stepTime: perTokenStep(30) }).hits).toEqual({ "host-dram": [0, 32] });
    expect(run(twice, [tier({ load: "never" })], { stepTime: perTokenStep(900) }).hits).toEqual({
      "host-dram": [0, 0],
    });
  });
});

describe("tiers below", () => {
  const small = tier({ capacityBytes: 2 * BLOCK_BYTES });

  it("written back: has what the tier above evicts, and not before", () => {
    const back = tier({ tier: "nvme", write: "back", promote: false });
    const { hits, tiers } = run(
      ask([
        [0, 1],
        [50_000, 2],
        [100_000, 1],
      ]),
      [small, back],
    );
    expect(hits).toEqual({ "host-dram": [0, 0, 0], nvme: [0, 0, 32] });
    // 1 made room for 2, and then 2 for 1 again.
    expect(tiers[1]).toMatchObject({ storedBlocks: 4, usedBlocks: 4 });
  });

  it("promotes what is loaded", () => {
    const three = ask([
      [0, 1],
      [50_000, 1],
      [100_000, 1],
    ]);
    const dram = tier({ write: "none" });
    const promoting = run(three, [dram, tier({ tier: "nvme" })]);
    expect(promoting.hits).toEqual({ "host-dram": [0, 0, 32], nvme: [0, 32, 0] });
    // A drive reads 7 GB/s: 51.2 MB in 7314.3 us, 100 us away, and 10 to ask for it.
    expect(promoting.requests.tiers!.loadEndUs[1]).toBe(57_425);
    expect(run(three, [dram, tier({ tier: "nvme", promote: false })]).hits).toEqual({
      "host-dram": [0, 0, 0],
      nvme: [0, 32, 32],
    });
  });

  it("prefetches what a queued request will need", () => {
    const dram = tier({ write: "none", capacityBytes: 10 * BLOCK_BYTES });
    const busy: Row[] = [
      { atUs: 0, prompt: prompt(1, 0), output: 1 },
      { atUs: 50_000, prompt: prompt(1, 1), output: 1 },
    ];
    const input = onePool(
      rows(busy),
      { preset: "round-robin" },
      { enablePrefixCaching: false, requestOverheadUs: 9000 },
    );
    const pools = input.pools.map((pool) => ({
      ...pool,
      kvTiers: {
        kvBytesPerToken: BYTES_PER_TOKEN,
        tiers: [dram, tier({ tier: "nvme", prefetch: true, promote: false })],
      },
    }));
    const { requests } = simulate({ ...input, pools, network: networkOf(pools) });
    // While the API server has it for 9 ms its blocks come up in 7425 us; then they are loaded in 1010.
    expect(requests.tiers!.hitTokens.map((hits) => hits[1])).toEqual([32, 0]);
    expect(requests.firstTokenUs[1]).toBe(50_000 + 9000 + 1010 + 1000);
  });

  it("a store of the fleet serves all replicas, a warm one from the start", () => {
    const two = ask([
      [0, 1],
      [50_000, 1],
    ]);
    const store = tier({ tier: "network-store", scope: "fleet" });
    const shared = run(two, [store], { replicas: 2 });
    expect([...shared.requests.replica]).toEqual([0, 1]);
    expect(shared.hits).toEqual({ "network-store": [0, 32] });
    expect(shared.tiers).toHaveLength(1);
    expect(run(two, [{ ...store, warm: true }], { replicas: 2 }).hits).toEqual({ "network-store": [32, 32] });
    expect(run(two, [tier()], { replicas: 2 }).hits).toEqual({ "host-dram": [0, 0] });
  });

  it("other replicas' DRAM is read over the network, where allowed", () => {
    const { hits, requests } = run(
      ask([
        [0, 1],
        [50_000, 1],
      ]),
      [tier({ readPeers: true })],
      { replicas: 2 },
    );
    expect(hits).toEqual({ "host-dram": [0, 0], peers: [0, 32] });
    // Both are in one NVLink domain: 0.8 of 450 GB/s, 10 us away, and 10 to ask for it.
    expect(requests.tiers!.loadEndUs[1]).toBe(50_000 + Math.ceil(51.2e6 / 0.36e6 + 20));
  });
});

describe("routing on tiers", () => {
  it("the precise index hears what host DRAM has, and finds the pod that has it", () => {
    const again = ask(Array.from({ length: 9 }, (_, row) => [row * 50_000, 1] as const));
    const { requests, hits } = run(again, [tier()], { replicas: 4, preset: "precise-prefix-cache" });
    expect(new Set(requests.replica).size).toBe(1);
    expect(hits["host-dram"]).toEqual([0, ...new Array(8).fill(32)]);
  });
});
