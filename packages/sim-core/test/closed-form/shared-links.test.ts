import { describe, expect, it } from "vitest";
import { simulate } from "../../src/simulate/simulate.ts";
import { onOneNode } from "../support/one-node.ts";
import { tier } from "../support/random-tiered-fleet.ts";
import { type Row, rows } from "../support/rows.ts";
import { twoPools } from "../support/two-pods.ts";

/** Prefills elsewhere what has 40 tokens or more that its pod does not have. */
const BY_LENGTH = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: approx-prefix-cache-producer
  parameters: { blockSizeTokens: 16, autoTune: false }
- type: prefill-filter
- type: decode-filter
- type: max-score-picker
- type: prefix-based-pd-decider
  parameters: { nonCachedTokens: 40 }
- type: disagg-profile-handler
  parameters: { deciders: { prefill: prefix-based-pd-decider } }
schedulingProfiles:
- name: prefill
  plugins: [{ pluginRef: prefill-filter }, { pluginRef: max-score-picker }]
- name: decode
  plugins: [{ pluginRef: decode-filter }, { pluginRef: max-score-picker }]
`;

/** Of an L40S, 0.8 of 32 GB/s. */
const HOST_BYTES_PER_US = 25_600;
const LATENCY_US = 10;
/** 32 tokens are a millisecond of the host link. */
const TIER_BYTES_PER_TOKEN = 800_000;

/** At 51,000 us the prompts of `moved` leave for the decode pod, and `loaded` others come up from its DRAM. */
function run(moved: number, loaded: number, kvBytesPerToken: number) {
  const short = (row: number) =>
    [
      [1, 32],
      [100 + row, 1],
    ] as const;
  const given: Row[] = [
    { atUs: 0, prompt: short(0), output: 1 },
    ...Array.from({ length: moved }, (_, row) => ({ atUs: 50_000, prompt: [[200 + row, 64]] as const, output: 1 })),
    ...Array.from({ length: loaded }, (_, row) => ({ atUs: 51_000, prompt: short(1 + row), output: 1 })),
  ];
  const engine = { enablePrefixCaching: false };
  const input = twoPools(rows(given), { kvBytesPerToken }, { config: BY_LENGTH, engine });
  const [prefill, decode] = input.pools as [(typeof input.pools)[0], (typeof input.pools)[0]];
  const tiers = [tier({ storeOutputs: false })];
  const pools = [prefill, { ...decode, kvTiers: { kvBytesPerToken: TIER_BYTES_PER_TOKEN, tiers } }];
  const { requests, links } = simulate({ ...input, pools, network: onOneNode(pools) });
  const endsUs = (of: Float64Array) => [...of].filter((us) => us > 50_000);
  return {
    transferEndsUs: endsUs(requests.disaggregation!.transferEndUs),
    loadEndsUs: endsUs(requests.tiers!.loadEndUs),
    hostIn: links!.filter(({ name }) => name === "decode-0 DRAM to HBM"),
  };
}

describe("a transfer between pods and a load from a tier over one link", () => {
  it("have half of it each while both are there", () => {
    // 64 tokens of 0.8 MB, of which NIXL's protocol makes 1.25 times as much, are 2500 us of the link.
    const { transferEndsUs, loadEndsUs, hostIn } = run(1, 1, 800_000);
    expect(loadEndsUs).toEqual([51_000 + 2000 + LATENCY_US]);
    expect(transferEndsUs).toEqual([51_000 + 2000 + 1500 + LATENCY_US]);
    expect(hostIn).toEqual([
      {
        ...{ name: "decode-0 DRAM to HBM", bytesPerSecond: HOST_BYTES_PER_US * 1e6 },
        ...{ carriedBytes: 3500 * HOST_BYTES_PER_US, busyUs: 3500 },
      },
    ]);
  });

  it("alone, each has all of it", () => {
    expect(run(1, 0, 800_000).transferEndsUs).toEqual([51_000 + 2500 + LATENCY_US]);
    expect(run(0, 1, 800_000).loadEndsUs).toEqual([51_000 + 1000 + LATENCY_US]);
  });

  it.each([1, 2, 5])("%i of each and of one size all end when the link has carried the last", (n) => {
    const { transferEndsUs, loadEndsUs, hostIn } = run(n, n, 320_000);
    const endUs = 51_000 + 2 * n * 1000 + LATENCY_US;
    expect(transferEndsUs).toEqual(new Array(n).fill(endUs));
    expect(loadEndsUs).toEqual(new Array(n).fill(endUs));
    expect(hostIn[0]!.busyUs).toBeCloseTo(2000 * n, 6);
  });
});
