import { describe, expect, test } from "vitest";
import { podHits, singleCacheHits } from "../../../src/workload/prefix-cache-facts.ts";
import { suggestedJitterUs, traceInfo } from "../../../src/workload/trace-info.ts";
import { jsonl, readText } from "./read-text.ts";

/** Blocks of 4 tokens: [1 2 3], [1 2 4], [5], [1 2 3]; the last block of the second is partial. */
const blocks = jsonl(
  { timestamp: 0, input_length: 12, output_length: 1, hash_ids: [1, 2, 3] },
  { timestamp: 0, input_length: 10, output_length: 2, hash_ids: [1, 2, 4] },
  { timestamp: 2000, input_length: 4, output_length: 3, hash_ids: [5] },
  { timestamp: 5000, input_length: 12, output_length: 6, hash_ids: [1, 2, 3] },
);
const table = readText(blocks, { blockSizeTokens: 4 });

describe("trace info", () => {
  const info = traceInfo(table, { cache: true });

  test("gaps, batches and windows", () => {
    expect(info.arrivals!.span_s).toBe(5);
    // Gaps 0, 2, 3.
    expect(info.arrivals!.interarrival.mean).toBeCloseTo(5 / 3, 12);
    expect(info.arrivals!.interarrival.std_pop).toBeCloseTo(Math.sqrt(14) / 3, 12);
    expect(info.arrivals!.interarrival.frac_zero).toBeCloseTo(1 / 3, 12);
    expect(info.arrivals!.interarrival.p90).toBeCloseTo(2.8, 12);
    expect(info.arrivals!.distinct_timestamps).toBe(3);
    expect(info.arrivals!.batch_size_at_same_timestamp).toEqual({ mean: 4 / 3, p50: 1, p99: 1.98, max: 2 });
    // Windows of 1 s: 2, 0, 1, 0, 1 (the last arrival closes the last window); of 3 s: 3, 1.
    expect(info.arrivals!.window_1s.n_windows).toBe(5);
    expect(info.arrivals!.window_1s.frac_empty).toBe(0.4);
    expect(info.arrivals!.window_3s).toMatchObject({ n_windows: 2, peak_rate_rps: 1, index_of_dispersion: 0.5 });
  });

  test("lengths", () => {
    expect(info.input_tokens).toMatchObject({ n: 4, sum: 38, mean: 9.5, min: 4, p50: 11, max: 12 });
    expect(info.input_over_output_sum_ratio).toBeCloseTo(38 / 12, 12);
    // Deviations 2.5 .5 -5.5 2.5 and -2 -1 0 3: covariance 2 / 4, variances 10.75 and 3.5.
    expect(info.pearson_in_out).toBeCloseTo(0.5 / Math.sqrt(10.75 * 3.5), 12);
  });

  test("blocks", () => {
    expect(info).toMatchObject({
      hash_len_check: { eq_ceil: 4, eq_floor: 3, other: 0 },
      unique_blocks: 5,
      total_block_refs: 10,
      repeat_block_refs: 5,
      unique_blocks_in_more_than_one_request: 3,
      prefix_chain_violations: 0,
    });
    expect(info.most_shared_blocks![0]).toEqual({ id: 1, requests: 3, frac: 0.75 });
  });

  test("caches", () => {
    expect(info.infinite_cache).toMatchObject({ hit_blocks: 5, hit_tokens: 20, evictions: 0 });
    // Full blocks: 3 + 2 + 1 + 3.
    expect(info.infinite_cache_full_blocks_only).toMatchObject({ block_hit_ratio: 5 / 9, hit_tokens: 20 });
    expect(info.block_reuse_request_gap).toMatchObject({ n: 5, sum: 1 + 1 + 2 + 2 + 3 });
    expect(info.block_reuse_time_gap_s).toMatchObject({ n: 5, sum: 0 + 0 + 5 + 5 + 5 });
  });

  test("steps in the clock are found", () => {
    expect(suggestedJitterUs(info)).toBe(0);
    const row = (timestamp: number): object => ({ timestamp, input_length: 1, output_length: 1 });
    const stepped = readText(jsonl(...[0, 0, 0, 3000, 3000, 3000].map(row)));
    expect(suggestedJitterUs(traceInfo(stepped))).toBe(3_000_000);
  });
});

describe("a cache of three blocks", () => {
  test("keeps the root when blocks are touched leaf first", () => {
    // Row 1 hits 1 2 and leaves 1 2 4; row 2 puts 5 in the place of the leaf 4; row 3 hits 1 2.
    expect(singleCacheHits(table, 3)).toMatchObject({ hit_blocks: 4, evictions: 3 });
  });

  test("loses it when they are touched root first", () => {
    // Row 2 puts 5 in the place of 1: row 3 hits nothing, though 2 is held.
    expect(singleCacheHits(table, 3, false)).toMatchObject({ hit_blocks: 2, nonprefix_block_hit_ratio: 0.3 });
  });
});

describe("private caches of two pods", () => {
  test("round-robin splits the family", () => {
    // Pod 0: [1 2 3], [5]. Pod 1: [1 2 4], [1 2 3] hits two.
    expect(podHits(table, 2, null, "rr")).toMatchObject({ block_hit_ratio: 0.2, requests_per_pod_max_over_mean: 1 });
  });

  test("longest match keeps it together; no match goes to the pod with fewer requests", () => {
    expect(podHits(table, 2, null, "greedy")).toMatchObject({
      block_hit_ratio: 0.5,
      requests_per_pod_max_over_mean: 1.5,
      // Pod 0 computes 12 + 2 + 0 tokens, pod 1 4.
      uncached_tokens_per_pod_max_over_mean: 14 / 9,
    });
  });

  test("a match below the threshold counts as none", () => {
    // Row 1 matches 2 of 3 blocks: too few, so pod 1. Row 2 finds none: pod 0. Row 3 matches all on pod 0.
    expect(podHits(table, 2, null, "greedy_thr0.8")).toMatchObject({ block_hit_ratio: 0.3 });
  });
});
