import { devicePeaks } from "../../packages/sim-core/src/engine/step-time/device.ts";
import { acceleratorNamed } from "../../packages/sim-core/src/hardware/catalogue.ts";
import { ALL_REDUCE_AXIS, type Axes, PREFILL_AXES } from "../../packages/sim-core/src/hardware/efficiency/axes.ts";
import type { OperatorEfficiencies } from "../../packages/sim-core/src/hardware/efficiency/operator-efficiencies.ts";
import type { KvFormat, WeightFormat } from "../../packages/sim-core/src/model/architecture.ts";
import {
  AXES,
  decodeSamples,
  expertSamples,
  gemmSamples,
  type KernelSample,
  latentSamples,
  prefillSamples,
} from "./kernel-rows.ts";
import { readTable } from "./parquet.ts";
import { fitGrid } from "./tensor-fit.ts";

/** Measured systems, and the accelerators that they are. */
export const MEASURED_DEVICES: Readonly<Record<string, string>> = {
  a100_sxm: "a100-sxm-80gb",
  h100_sxm: "h100-sxm",
  h200_sxm: "h200-sxm",
  b200_sxm: "b200-sxm",
  gb200: "gb200",
  l40s: "l40s",
};

export const FITTED_FORMATS: readonly WeightFormat[] = ["bfloat16", "fp8", "fp8_block", "nvfp4"];

/**
 * Systems on which engines run MXFP4 experts with the kernel that was measured. On Blackwell a flag chooses between two,
 * one for BF16 and one for MXFP8 activations, and published runs set it.
 */
const UNPACKING_SYSTEMS: readonly string[] = ["h100_sxm", "h200_sxm"];
/** Tokens for each expert, log2, from which on MXFP4 experts take as long as measured. */
export const UNPACKING_FROM = 2;

/**
 * Efficiencies of MXFP4 experts. With fewer tokens than that a batch touches a part of the experts, and the kernels, which were
 * measured with tokens sent to experts at random, take longer than whole decode steps do: those keep BF16's.
 */
function fitUnpacking(samples: readonly KernelSample[], bfloat16: readonly number[]): number[] {
  const axes = AXES.experts!;
  const tokens = axes[0]!;
  const fitted = fitEfficiencies(
    axes,
    samples.filter(({ at }) => at[0]! >= UNPACKING_FROM),
  );
  const perKnot = fitted.length / tokens.length;
  return fitted.map((value, i) => (tokens[Math.floor(i / perKnot)]! < UNPACKING_FROM ? bfloat16[i]! : value));
}

/**
 * Efficiencies on a grid. Rows that beat the roofline were served from the L2 cache, which a step of a whole model never
 * is: they stay out of the fit.
 */
export function fitEfficiencies(axes: Axes, samples: readonly KernelSample[]): number[] {
  const wanted = samples
    .filter((sample) => sample.measuredUs >= sample.idealUs)
    .map((sample) => ({ at: sample.at, value: Math.log(sample.idealUs / sample.measuredUs) }));
  return fitGrid(axes, wanted, 0.01).map((value) => Math.min(1, Math.exp(value)));
}

/**
 * Prefill efficiencies over the whole grid from a device's own, which were measured on one head and more and up to 2^14
 * tokens: the rest keeps the proportion that it has on the profiled device.
 */
function extendPrefill(own: readonly number[], profiled: readonly number[]): number[] {
  const [lengths, heads] = PREFILL_AXES as [readonly number[], readonly number[]];
  const lastLength = lengths.indexOf(14);
  const oneHead = heads.indexOf(0);
  return lengths.flatMap((_, i) =>
    heads.map((__, j) => {
      const anchor = Math.min(i, lastLength) * heads.length + Math.max(j, oneHead);
      const extended = (own[anchor]! * profiled[i * heads.length + j]!) / profiled[anchor]!;
      // A part of one head's work never takes longer than all of it.
      const least = i <= lastLength && j < oneHead ? own[anchor]! * 2 ** heads[j]! : 0;
      return Math.min(1, Math.max(extended, least));
    }),
  );
}

async function allReduce(system: string): Promise<Record<string, number[]> | undefined> {
  const custom = await readTable(system, "comm", "custom_allreduce_perf");
  const nccl = (await readTable(system, "comm", "nccl_perf")).filter(
    (row) => row.op_name === "all_reduce" && row.nccl_dtype === "half",
  );
  const rows = [...custom, ...nccl];
  const table: Record<string, number[]> = {};
  for (const ranks of new Set(custom.map((row) => Number(row.num_gpus)))) {
    table[ranks] = ALL_REDUCE_AXIS.map((exponent) => {
      const times = rows
        .filter((row) => Number(row.num_gpus) === ranks && Number(row.message_size) === 2 ** exponent)
        .map((row) => Number(row.latency) * 1000);
      return times.length === 0 ? Number.NaN : Math.min(...times);
    });
    const known = table[ranks];
    // A size that was not measured takes the one before it, scaled.
    known.forEach((us, i) => {
      if (Number.isNaN(us)) known[i] = (known[i - 1] ?? 10) * (i > 12 ? 2 : 1);
    });
  }
  return table;
}

/** All grids of one measured system. */
export async function fitSystem(
  system: string,
  id: string,
  profiledPrefill: readonly number[],
): Promise<OperatorEfficiencies> {
  const peaks = devicePeaks(acceleratorNamed(id));
  const gemm: Partial<Record<WeightFormat, number[]>> = {};
  const experts: Partial<Record<WeightFormat, number[]>> = {};
  for (const format of FITTED_FORMATS) {
    const linear = await gemmSamples(system, peaks, format);
    if (linear.length > 500) gemm[format] = fitEfficiencies(AXES.gemm!, linear);
    const routed = await expertSamples(system, peaks, format);
    if (routed.length > 500) experts[format] = fitEfficiencies(AXES.experts!, routed);
  }
  if (UNPACKING_SYSTEMS.includes(system) && experts.bfloat16 !== undefined) {
    experts.mxfp4 = fitUnpacking(await expertSamples(system, peaks, "mxfp4"), experts.bfloat16);
  }
  const decode: Partial<Record<KvFormat, number[]>> = {};
  for (const kv of ["bfloat16", "fp8"] as const) {
    const samples = await decodeSamples(system, peaks, kv);
    if (samples.length > 500) decode[kv] = fitEfficiencies(AXES.decodeAttention!, samples);
  }
  const { bfloat16 } = gemm;
  const decodeBfloat16 = decode.bfloat16;
  if (bfloat16 === undefined || decodeBfloat16 === undefined) throw new Error(`${system} has no BF16 measurements`);
  const latentDecode = await latentSamples(system, peaks, "generation", bfloat16);
  const latentPrefill = await latentSamples(system, peaks, "context", bfloat16);
  const reduce = await allReduce(system);
  return {
    source: `aiconfigurator systems/data/${system}, vLLM kernels`,
    gemm: { ...gemm, bfloat16 },
    prefillAttention: extendPrefill(
      fitEfficiencies(PREFILL_AXES, await prefillSamples(system, peaks)),
      profiledPrefill,
    ),
    decodeAttention: { ...decode, bfloat16: decodeBfloat16 },
    experts,
    ...(latentDecode.length < 500
      ? {}
      : {
          latentPrefillAttention: fitEfficiencies(AXES.latentPrefillAttention!, latentPrefill),
          latentDecodeAttention: fitEfficiencies(AXES.latentDecodeAttention!, latentDecode),
        }),
    ...(reduce === undefined ? {} : { allReduceUs: reduce }),
  };
}
