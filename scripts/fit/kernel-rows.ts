import { type DevicePeaks, linearFormat } from "../../packages/sim-core/src/engine/step-time/device.ts";
import * as ideal from "../../packages/sim-core/src/engine/step-time/ideal.ts";
import {
  type Axes,
  DECODE_AXES,
  EXPERT_AXES,
  GEMM_AXES,
  gridAt,
  LATENT_DECODE_AXES,
  LATENT_PREFILL_AXES,
  PREFILL_AXES,
} from "../../packages/sim-core/src/hardware/efficiency/axes.ts";
import { logGrid } from "../../packages/sim-core/src/hardware/efficiency/operator-efficiencies.ts";
import type { KvFormat, LatentAttention, WeightFormat } from "../../packages/sim-core/src/model/architecture.ts";
import { type Row, readTable } from "./parquet.ts";

/** A measured kernel: where it lies on its grid, the roofline's time for it, and the time measured. */
export interface KernelSample {
  readonly at: readonly number[];
  readonly idealUs: number;
  readonly measuredUs: number;
}

/** The fastest row of each key: tables hold one row for each kernel that an engine may choose from. */
function fastest(rows: Row[], key: (row: Row) => string): Row[] {
  const best = new Map<string, Row>();
  for (const row of rows) {
    const id = key(row);
    const other = best.get(id);
    if (other === undefined || num(other, "latency") > num(row, "latency")) best.set(id, row);
  }
  return [...best.values()];
}

const num = (row: Row, key: string) => Number(row[key]);
const keyOf =
  (...columns: string[]) =>
  (row: Row) =>
    columns.map((column) => row[column]).join();

/** Samples of linear layers in one weight format; widths of 512 and more, up to 16k tokens. */
export async function gemmSamples(system: string, peaks: DevicePeaks, format: WeightFormat): Promise<KernelSample[]> {
  const rows = (await readTable(system, "gemm", "gemm_perf")).filter(
    (row) => row.gemm_dtype === format && num(row, "n") >= 512 && num(row, "k") >= 512 && num(row, "m") <= 16384,
  );
  const linear = linearFormat(peaks, format);
  return fastest(rows, keyOf("m", "n", "k")).map((row) => {
    const [m, n, k] = [num(row, "m"), num(row, "n"), num(row, "k")];
    return {
      at: [Math.log2(m), Math.log2(n), Math.log2(k)],
      idealUs: ideal.gemmIdealUs(peaks, linear, m, n, k),
      measuredUs: num(row, "latency") * 1000,
    };
  });
}

const isPlain = (row: Row) => num(row, "head_dim") === 128 && !(num(row, "window_size") > 0);

/** Samples of prefill attention: heads of 128, whole prompts of 16 tokens and more, BF16. */
export async function prefillSamples(system: string, peaks: DevicePeaks): Promise<KernelSample[]> {
  const rows = (await readTable(system, "attention", "context_attention_perf")).filter(
    (row) => isPlain(row) && row.kv_cache_dtype === "bfloat16" && num(row, "isl") >= 16,
  );
  return fastest(rows, keyOf("batch_size", "isl", "num_heads", "num_key_value_heads")).map((row) => {
    const batch = num(row, "batch_size");
    const heads = batch * num(row, "num_heads");
    return {
      at: [Math.log2(num(row, "isl")), Math.log2(heads)],
      idealUs: ideal.prefillAttentionIdealUs(
        peaks,
        { heads, kvHeads: batch * num(row, "num_key_value_heads"), headDim: 128 },
        num(row, "isl"),
        0,
        ideal.attendedPairs(num(row, "isl"), 0),
      ),
      measuredUs: num(row, "latency") * 1000,
    };
  });
}

/** Samples of decode attention: heads of 128, contexts of 16 and more. */
export async function decodeSamples(system: string, peaks: DevicePeaks, kv: KvFormat): Promise<KernelSample[]> {
  const rows = (await readTable(system, "attention", "generation_attention_perf")).filter(
    (row) => isPlain(row) && row.kv_cache_dtype === kv && num(row, "step") >= 15,
  );
  return fastest(rows, keyOf("batch_size", "step", "num_heads", "num_key_value_heads")).map((row) => {
    const [batch, context, kvHeads] = [num(row, "batch_size"), num(row, "step") + 1, num(row, "num_key_value_heads")];
    const bytes = kv === "fp8" ? 1 : 2;
    return {
      at: [Math.log2(batch * kvHeads), Math.log2(context)],
      idealUs: ideal.decodeAttentionIdealUs(
        peaks,
        { heads: num(row, "num_heads"), kvHeads, headDim: 128 },
        batch * context,
        bytes,
      ),
      measuredUs: num(row, "latency") * 1000,
    };
  });
}

/** What the table of experts calls a format whose weights are only stored small. */
const WEIGHT_ONLY: Readonly<Partial<Record<WeightFormat, string>>> = { mxfp4: "w4a16_mxfp4" };

/** Samples of routed experts without expert parallelism, tokens spread over experts by a mild power law. */
export async function expertSamples(system: string, peaks: DevicePeaks, format: WeightFormat): Promise<KernelSample[]> {
  const rows = (await readTable(system, "moe", "moe_perf")).filter(
    (row) =>
      row.moe_dtype === (WEIGHT_ONLY[format] ?? format) &&
      row.distribution === "power_law_1.01" &&
      num(row, "moe_ep_size") === 1,
  );
  const linear = linearFormat(peaks, format);
  return fastest(rows, keyOf("num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size")).map(
    (row) => {
      const [tokens, experts, topK] = [num(row, "num_tokens"), num(row, "num_experts"), num(row, "topk")];
      const hiddenSize = num(row, "hidden_size");
      const intermediateSize = num(row, "inter_size") / num(row, "moe_tp_size");
      const layer = { hiddenSize, intermediateSize, experts, topK };
      return {
        at: [Math.log2((tokens * topK) / experts), Math.log2(3 * hiddenSize * intermediateSize), Math.log2(experts)],
        idealUs: ideal.expertsIdealUs(peaks, linear, tokens, layer),
        measuredUs: num(row, "latency") * 1000,
      };
    },
  );
}

const DEEPSEEK: LatentAttention = {
  queryRank: 1536,
  kvRank: 512,
  ropeHeadDim: 64,
  nopeHeadDim: 128,
  valueHeadDim: 128,
};

/** Microseconds of the projections that DeepSeek-V3's attention module does beside the attention itself. */
function projectionsUs(peaks: DevicePeaks, gemm: readonly number[], tokens: number, heads: number): number {
  const grid = logGrid(GEMM_AXES, gemm);
  const format = linearFormat(peaks, "bfloat16");
  const widths: [number, number][] = [
    [2112, 7168],
    [heads * 192, 1536],
    [heads * 256, 512],
    [7168, heads * 128],
  ];
  return widths.reduce((sum, [n, k]) => {
    const efficiency = gridAt(grid, Math.log2(tokens), Math.log2(n), Math.log2(k));
    return sum + ideal.gemmIdealUs(peaks, format, tokens, n, k) / efficiency;
  }, 0);
}

/** Samples of latent attention: the measured module less its projections, at least a tenth of it. */
export async function latentSamples(
  system: string,
  peaks: DevicePeaks,
  kind: "context" | "generation",
  gemm: readonly number[],
): Promise<KernelSample[]> {
  const rows = (await readTable(system, "mla", `mla_${kind}_module_perf`)).filter(
    (row) => row.gemm_type === "bfloat16" && row.kv_cache_dtype === "bfloat16",
  );
  return fastest(rows, keyOf("batch_size", "isl", "step", "num_heads")).flatMap((row) => {
    const [batch, heads] = [num(row, "batch_size"), num(row, "num_heads")];
    const tokens = batch * num(row, "isl");
    const context = kind === "generation" ? num(row, "step") : num(row, "isl");
    if (context < 16) return [];
    const moduleUs = num(row, "latency") * 1000;
    const measuredUs = Math.max(moduleUs - projectionsUs(peaks, gemm, tokens, heads), 0.1 * moduleUs);
    const [length, width] = [Math.log2(context), Math.log2(heads)];
    return kind === "generation"
      ? [
          {
            at: [Math.log2(batch), length, width],
            idealUs: ideal.latentDecodeIdealUs(peaks, heads, DEEPSEEK, batch * context, 2),
            measuredUs,
          },
        ]
      : [
          {
            at: [length, Math.log2(batch * heads)],
            idealUs: ideal.latentPrefillIdealUs(peaks, heads * batch, DEEPSEEK, ideal.attendedPairs(context, 0)),
            measuredUs,
          },
        ];
  });
}

/** Axes by operator. */
export const AXES: Readonly<Record<string, Axes>> = {
  gemm: GEMM_AXES,
  prefillAttention: PREFILL_AXES,
  decodeAttention: DECODE_AXES,
  experts: EXPERT_AXES,
  latentPrefillAttention: LATENT_PREFILL_AXES,
  latentDecodeAttention: LATENT_DECODE_AXES,
};
