import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openTrace, traceInfo, traceValidate } from "../../../src/trace/index.ts";
import { sharedData } from "./shared-data.ts";

const RELATIVE_TOLERANCE = 1e-5;
/** Words about how the statistics were made, and a block that another random generator drew. */
const NOT_COMPARED = new Set([
  "source",
  "method",
  "columns",
  "lru_max_ratio_note",
  "arrivals_jittered_uniform_0_3s_seed42",
]);

/** Paths at which `found` is not what is expected, with both values; every expected key must be there. */
function differences(expected: unknown, found: unknown, path = ""): string[] {
  if (typeof expected === "number") {
    const near = typeof found === "number" && Math.abs(found - expected) <= RELATIVE_TOLERANCE * Math.abs(expected);
    return near ? [] : [`${path}: expected ${expected}, found ${String(found)}`];
  }
  if (typeof expected !== "object" || expected === null) {
    return expected === found ? [] : [`${path}: expected ${String(expected)}, found ${String(found)}`];
  }
  return Object.entries(expected).flatMap(([key, value]) => {
    if (path === "" && NOT_COMPARED.has(key)) return [];
    const inner = typeof found === "object" && found !== null ? (found as Record<string, unknown>)[key] : undefined;
    return differences(value, inner, `${path}/${key}`);
  });
}

const TRACES: readonly { trace: string; stats: string; rows: number }[] = [
  {
    trace: "traces/mooncake/conversation_trace.jsonl.gz",
    stats: "traces/mooncake/conversation_trace.stats.json",
    rows: 12_031,
  },
  {
    trace: "traces/azure-2023/AzureLLMInferenceTrace_conv.csv",
    stats: "traces/azure-2023/AzureLLMInferenceTrace_conv.stats.json",
    rows: 19_366,
  },
  {
    trace: "traces/azure-2023/AzureLLMInferenceTrace_code.csv",
    stats: "traces/azure-2023/AzureLLMInferenceTrace_code.stats.json",
    rows: 8_819,
  },
  {
    trace: "traces/lengths/arxiv_summarization_lengths.csv",
    stats: "traces/lengths/arxiv_summarization_lengths.stats.json",
    rows: 28_257,
  },
];

describe("trace info equals the published statistics", () => {
  for (const { trace, stats, rows } of TRACES) {
    const data = sharedData(trace);
    test.skipIf(data.absent)(`${trace}${data.reason}`, async () => {
      const info = await traceInfo(data.path, { cache: true });
      expect(info.rows).toBe(rows);
      expect(differences(JSON.parse(readFileSync(sharedData(stats).path, "utf8")), info)).toEqual([]);
    });
  }

  test("a difference of 2e-5 is found, and so is a missing key", () => {
    expect(differences({ a: { b: 1 } }, { a: { b: 1.00002 } })).toEqual(["/a/b: expected 1, found 1.00002"]);
    expect(differences({ a: { b: 1 } }, { a: {} })).toEqual(["/a/b: expected 1, found undefined"]);
  });
});

describe("Mooncake conversation", () => {
  const data = sharedData("traces/mooncake/conversation_trace.jsonl.gz");

  test.skipIf(data.absent)(`cache facts to their digits${data.reason}`, async () => {
    const info = await traceInfo(data.path, { cache: true });
    const percent = (fraction: number | undefined, digits: number): string => ((fraction ?? 0) * 100).toFixed(digits);
    const lru = (blocks: number) => info.lru_single_cache!.root_last.find(({ cap_blocks }) => cap_blocks === blocks);
    const pods = (policy: string) =>
      info.pods!.find((row) => row.pods === 8 && row.cap_blocks_per_pod === null && row.policy === policy)!;
    expect(percent(info.infinite_cache!.block_hit_ratio, 3)).toBe("36.641");
    expect(percent(lru(5859)!.block_hit_ratio, 2)).toBe("13.61");
    expect(percent(lru(20_000)!.block_hit_ratio, 2)).toBe("28.78");
    expect(percent(info.infinite_cache_full_blocks_only!.token_hit_ratio, 2)).toBe("37.34");
    expect(percent(pods("rr").token_hit_ratio, 2)).toBe("13.90");
    expect(percent(pods("greedy_thr0.3").token_hit_ratio, 2)).toBe("36.82");
    // Block 0 is in every request: without a threshold the longest match sends all to one pod.
    expect(pods("greedy").requests_per_pod_max_over_mean).toBe(8);
  });

  test.skipIf(data.absent)(`3 s of jitter undo the convoys${data.reason}`, async () => {
    const info = await traceInfo(data.path, { jitterUs: 3_000_000, seed: 42 });
    expect(Math.abs(info.arrivals_jittered!.interarrival.cv / 1.0222658095798263 - 1)).toBeLessThan(0.03);
  });

  test.skipIf(data.absent)(`opens as a workload whose ends are its lengths${data.reason}`, async () => {
    const { count, segments, promptTokens } = await openTrace(data.path);
    expect([count, segments!.idCount, segments!.ids.length]).toEqual([12_031, 182_790, 288_500]);
    expect(promptTokens.every((tokens, row) => segments!.endTokens[segments!.offsets[row + 1]! - 1] === tokens)).toBe(
      true,
    );
  });
});

describe("other real files", () => {
  for (const [file, format, rows] of [
    ["traces/sharegpt/sharegpt_llama31-8b_300_sps10.jsonl", "block-ids-16", 300],
    ["calibration/vllm-runs/rtxpro6000-llama31-8b-tp1.workload.jsonl", "block-ids-16", 300],
    ["calibration/vllm-runs/rtxpro6000-qwen3-30b-a3b-dp2ep.workload.jsonl", "block-ids-16", 300],
  ] as const) {
    const data = sharedData(file);
    test.skipIf(data.absent)(`${file}${data.reason}`, async () => {
      expect(await traceValidate(data.path)).toMatchObject({ valid: true, format, rows, warnings: [] });
    });
  }

  const servegen = sharedData("traces/servegen/servegen_reason_deepseek-r1.tar.gz");
  test.skipIf(servegen.absent)(`an hour of ServeGen's deepseek-r1 mixture${servegen.reason}`, async () => {
    const options = { seed: 1, span: { startSeconds: 36_000, durationSeconds: 3600 } };
    const workload = await openTrace(servegen.path, options);
    // The clients' rates over the six windows of that hour add up to 46,710; each of a client's windows rounds by under 1.
    expect(Math.abs(workload.count - 46_710)).toBeLessThan(73 * 6);
    expect(workload.classes).toHaveLength(73);
    expect(workload.arrivalUs.at(-1)).toBeLessThan(3600e6);
    expect((await openTrace(servegen.path, options)).promptTokens).toEqual(workload.promptTokens);
  });
});
