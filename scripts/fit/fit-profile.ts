import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AttentionTime } from "../../packages/sim-core/src/engine/step-time/attention.ts";
import { devicePeaks, linearFormat } from "../../packages/sim-core/src/engine/step-time/device.ts";
import * as ideal from "../../packages/sim-core/src/engine/step-time/ideal.ts";
import { acceleratorNamed } from "../../packages/sim-core/src/hardware/catalogue.ts";
import type { OperatorEfficiencies } from "../../packages/sim-core/src/hardware/efficiency/operator-efficiencies.ts";
import { fitEfficiencies } from "./fit-system.ts";
import { AXES, type KernelSample } from "./kernel-rows.ts";
import { DATA } from "./parquet.ts";

const FOLDER = join(DATA, "calibration/vllm-runs/profile-rtxpro6000-llama31-8b-bf16-tp1");

/** Of the profiled model, Llama-3.1-8B. */
const LLAMA_HEADS = { heads: 32, kvHeads: 8, headDim: 128 };

/** The factor of the least mean error over `profiledMixedAttention`, to a tenth. */
const MIXED_DECODE_FACTOR = 1.5;

/** Output and input widths of Llama-3.1-8B's linear layers. */
const LAYERS: Readonly<Record<string, readonly [number, number]>> = {
  qkv_proj: [6144, 4096],
  o_proj: [4096, 4096],
  gate_up_proj: [28672, 4096],
  down_proj: [4096, 14336],
  lm_head: [128256, 4096],
};

function readCsv(file: string): string[][] {
  const lines = readFileSync(join(FOLDER, file), "utf8").trim().split("\n");
  return lines.slice(1).map((line) => line.split(","));
}

/** Linear layers of the profile. */
export function profiledGemms(): KernelSample[] {
  const peaks = devicePeaks(acceleratorNamed("rtx-pro-6000-server"));
  const format = linearFormat(peaks, "bfloat16");
  return [...readCsv("dense.csv"), ...readCsv("per_sequence.csv")].flatMap(([layer, tokens, us]) => {
    const widths = LAYERS[layer!];
    if (widths === undefined) return [];
    const [n, k] = widths;
    return [
      {
        at: [Math.log2(Number(tokens)), Math.log2(n), Math.log2(k)],
        idealUs: ideal.gemmIdealUs(peaks, format, Number(tokens), n, k),
        measuredUs: Number(us),
      },
    ];
  });
}

/** Attention of the profile, pure prefill or pure decode; a chunk after a prefix counts as the prompt that does its work. */
export function profiledAttention(kind: "prefill" | "decode"): KernelSample[] {
  const peaks = devicePeaks(acceleratorNamed("rtx-pro-6000-server"));
  return readCsv("attention.csv").flatMap((cells) => {
    const [chunk, cached, sequences, context, measuredUs] = cells.map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    if (kind === "decode" && chunk === 0 && sequences > 0 && context >= 16) {
      const idealUs = ideal.decodeAttentionIdealUs(peaks, LLAMA_HEADS, sequences * context, 2);
      return [{ at: [Math.log2(sequences * 8), Math.log2(context)], idealUs, measuredUs }];
    }
    if (kind === "prefill" && chunk >= 16 && sequences === 0) {
      const length = chunk + 2 * cached;
      const idealUs = ideal.prefillAttentionIdealUs(
        peaks,
        LLAMA_HEADS,
        chunk,
        cached,
        ideal.attendedPairs(chunk, cached),
      );
      return [{ at: [Math.log2(length), Math.log2((32 * chunk) / length)], idealUs, measuredUs }];
    }
    return [];
  });
}

/** The grids of the profiled device. */
export function fitProfiledDevice(): OperatorEfficiencies {
  return {
    source: "vllm-runs profile of RTX PRO 6000, Llama-3.1-8B BF16 TP1",
    gemm: { bfloat16: fitEfficiencies(AXES.gemm!, profiledGemms()) },
    prefillAttention: fitEfficiencies(AXES.prefillAttention!, profiledAttention("prefill")),
    decodeAttention: { bfloat16: fitEfficiencies(AXES.decodeAttention!, profiledAttention("decode")) },
    mixedDecodeFactor: MIXED_DECODE_FACTOR,
  };
}

/** Mixed batches of the profile with 8 sequences and more: the modelled sum of the prefill's and the decode's attention, and the time measured. */
export function profiledMixedAttention(
  attention: AttentionTime,
  factor = attention.mixedDecodeFactor,
): [predictedUs: number, measuredUs: number][] {
  return readCsv("attention.csv").flatMap((cells) => {
    const [chunk, cached, sequences, context, us] = cells.map(Number) as [number, number, number, number, number];
    if (chunk < 16 || sequences < 8 || context < 16) return [];
    return [[attention.prefillUs(chunk, cached, 1) + factor * attention.decodeUs(sequences, context), us]];
  });
}
