/**
 * Writes docs/accuracy.md: the step-time model against everything measured under `WINDTUNNEL_DATA`.
 *
 *   node --conditions=windtunnel-source scripts/fit/report.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attentionTime } from "../../packages/sim-core/src/engine/step-time/attention.ts";
import { curveAt } from "../../packages/sim-core/src/engine/step-time/decode-curve.ts";
import { devicePeaks, linearFormat } from "../../packages/sim-core/src/engine/step-time/device.ts";
import { createRooflineStepTime } from "../../packages/sim-core/src/engine/step-time/roofline.ts";
import { smallKernels } from "../../packages/sim-core/src/engine/step-time/small-kernels.ts";
import { acceleratorNamed } from "../../packages/sim-core/src/hardware/catalogue.ts";
import { type Axes, gridAt } from "../../packages/sim-core/src/hardware/efficiency/axes.ts";
import { efficiencyOf } from "../../packages/sim-core/src/hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../packages/sim-core/src/hardware/efficiency/operator-efficiencies.ts";
import { modelNamed } from "../../packages/sim-core/src/model/catalogue.ts";
import { errorCells, summariseErrors } from "./error-summary.ts";
import { profiledAttention, profiledGemms, profiledMixedAttention } from "./fit-profile.ts";
import { FITTED_FORMATS, MEASURED_DEVICES, UNPACKING_FROM } from "./fit-system.ts";
import {
  AXES,
  decodeSamples,
  expertSamples,
  gemmSamples,
  type KernelSample,
  latentSamples,
  prefillSamples,
} from "./kernel-rows.ts";
import { DATA } from "./parquet.ts";
import { DENSE_VLLM, OTHER_LAYOUTS, siliconPoints } from "./silicon.ts";

const HEADER = "n | MAPE % | p90 % | bias %\n|---|---|--:|--:|--:|--:|\n";

function kernelRow(
  device: string,
  operator: string,
  axes: Axes,
  values: readonly number[],
  samples: KernelSample[],
): string {
  const grid = logGrid(axes, values);
  const real = samples.filter((sample) => sample.measuredUs >= sample.idealUs);
  const errors = summariseErrors(real.map((s) => [s.idealUs / gridAt(grid, ...s.at), s.measuredUs]));
  const cached = samples.length - real.length;
  return `| ${device} | ${operator}${cached > 0 ? ` (${cached} rows faster than HBM left out)` : ""} | ${errorCells(errors)} |\n`;
}

async function kernelTable(): Promise<string> {
  let table = `| accelerator | operator | ${HEADER}`;
  for (const [system, id] of Object.entries(MEASURED_DEVICES)) {
    const accelerator = acceleratorNamed(id);
    const peaks = devicePeaks(accelerator);
    const { efficiencies: fitted } = efficiencyOf(accelerator);
    for (const format of FITTED_FORMATS) {
      if (linearFormat(peaks, format).compute !== format) continue;
      const [gemm, experts] = [fitted.gemm[format], fitted.experts?.[format]];
      if (gemm !== undefined) {
        table += kernelRow(id, `linear, ${format}`, AXES.gemm!, gemm, await gemmSamples(system, peaks, format));
      }
      if (experts !== undefined) {
        table += kernelRow(
          id,
          `experts, ${format}`,
          AXES.experts!,
          experts,
          await expertSamples(system, peaks, format),
        );
      }
    }
    if (fitted.experts?.mxfp4 !== undefined) {
      const samples = (await expertSamples(system, peaks, "mxfp4")).filter(({ at }) => at[0]! >= UNPACKING_FROM);
      table += kernelRow(
        id,
        "experts, mxfp4, 4 tokens an expert and more",
        AXES.experts!,
        fitted.experts.mxfp4,
        samples,
      );
    }
    const prefill = await prefillSamples(system, peaks);
    table += kernelRow(id, "prefill attention", AXES.prefillAttention!, fitted.prefillAttention, prefill);
    for (const kv of ["bfloat16", "fp8"] as const) {
      const decode = fitted.decodeAttention[kv];
      if (decode === undefined) continue;
      const samples = await decodeSamples(system, peaks, kv);
      table += kernelRow(id, `decode attention, KV ${kv}`, AXES.decodeAttention!, decode, samples);
    }
    for (const kind of ["context", "generation"] as const) {
      const name = kind === "context" ? "latentPrefillAttention" : "latentDecodeAttention";
      const values = fitted[name];
      if (values === undefined) continue;
      const samples = await latentSamples(system, peaks, kind, fitted.gemm.bfloat16);
      table += kernelRow(id, `latent attention, ${kind}`, AXES[name]!, values, samples);
    }
  }
  const { efficiencies: rtx } = efficiencyOf(acceleratorNamed("rtx-pro-6000-server"));
  table += kernelRow("rtx-pro-6000-server", "linear, bfloat16", AXES.gemm!, rtx.gemm.bfloat16, profiledGemms());
  const rtxAttention = [
    ["prefill attention, with and without prefix", "prefillAttention", rtx.prefillAttention, "prefill"],
    ["decode attention, KV bfloat16", "decodeAttention", rtx.decodeAttention.bfloat16, "decode"],
  ] as const;
  for (const [label, axes, values, kind] of rtxAttention) {
    table += kernelRow("rtx-pro-6000-server", label, AXES[axes]!, values, profiledAttention(kind));
  }
  const options = {
    accelerator: acceleratorNamed("rtx-pro-6000-server"),
    model: modelNamed("Llama-3.1-8B"),
    tensorParallel: 1,
    engineVersion: "vllm-0.19",
    maxNumBatchedTokens: 2048,
    maxModelLenTokens: 131_072,
  };
  const mixed = profiledMixedAttention(
    attentionTime(options, options.model.attention[0]!, devicePeaks(options.accelerator)),
  );
  table += `| rtx-pro-6000-server | attention of mixed batches of 8 decoding sequences and more (one factor fitted) | ${errorCells(summariseErrors(mixed))} |\n`;
  return table;
}

/** Sums of measured kernels (linear layers and attention only), ms: decode at 1k context by batch, prefill by tokens. */
const KERNEL_SUMS: readonly [device: string, model: string, tensorParallel: number, decode: object, prefill: object][] =
  [
    [
      "a100",
      "Llama-3.1-8B",
      1,
      { 1: 11.5, 8: 11.9, 32: 14.9, 64: 17, 128: 23.7, 256: 43.3 },
      { 512: 33, 2048: 117, 8192: 551 },
    ],
    [
      "h100",
      "Llama-3.1-8B",
      1,
      { 1: 6, 8: 6.1, 32: 7.4, 64: 9.3, 128: 12.1, 256: 19.6 },
      { 512: 10.1, 2048: 38, 8192: 175 },
    ],
    [
      "h200",
      "Llama-3.1-8B",
      1,
      { 1: 4.5, 8: 4.7, 32: 6, 64: 7.2, 128: 9.4, 256: 14.6 },
      { 512: 9.9, 2048: 38, 8192: 185 },
    ],
    [
      "b200",
      "Llama-3.1-8B",
      1,
      { 1: 3.2, 8: 3.1, 32: 3.8, 64: 4.5, 128: 5.9, 256: 8.8 },
      { 512: 5.9, 2048: 19.6, 8192: 95 },
    ],
    ["a100", "Llama-3.1-70B", 8, { 1: 16.4, 32: 20.2, 128: 27 }, {}],
    ["h100", "Llama-3.1-70B", 8, { 1: 8.7, 32: 10.9, 128: 13.5 }, {}],
    ["h200", "Llama-3.1-70B", 8, { 1: 7.1, 32: 8.4, 128: 11.2 }, {}],
  ];

function kernelSumTable(): string {
  let table = "| accelerator, model | batch or tokens: modelled / measured ms | MAPE % |\n|---|---|--:|\n";
  for (const [device, name, tensorParallel, decode, prefill] of KERNEL_SUMS) {
    const accelerator = acceleratorNamed(device);
    const model = modelNamed(name);
    const limits = {
      engineVersion: "vllm-0.19",
      maxNumBatchedTokens: 8192,
      maxModelLenTokens: 131_072,
      stepOverheadUs: 0,
    };
    const options = { accelerator, model, tensorParallel, ...limits };
    const step = createRooflineStepTime(options);
    const small = smallKernels(options, devicePeaks(accelerator));
    const row = (kind: string, measured: object, timeUs: (size: number) => number): void => {
      const sizes = Object.entries(measured) as [string, number][];
      if (sizes.length === 0) return;
      const pairs = sizes.map(
        ([size, ms]) => [(timeUs(Number(size)) - model.layers * small(Number(size))) / 1000, ms] as const,
      );
      const cells = pairs.map(([ours, ms], i) => `${sizes[i]![0]}: ${ours.toFixed(1)} / ${ms}`).join(", ");
      table += `| ${device} ${name} TP${tensorParallel} ${kind} | ${cells} | ${summariseErrors(pairs).mapePercent.toFixed(1)} |\n`;
    };
    row("decode", decode, (batch) => curveAt(step.decodeCurve(batch), batch * 1024));
    row("prefill", prefill, (tokens) => {
      const chunks = { count: 1, newTokens: Int32Array.of(tokens), cachedTokens: Int32Array.of(0), completing: 1 };
      return step.mixedStepUs(0, 0, chunks);
    });
  }
  return table;
}

function layoutTable(): string {
  let table = `| engine, model, system, layout | points | ${HEADER}`;
  for (const selection of OTHER_LAYOUTS) {
    const groups = new Map<string, ReturnType<typeof siliconPoints>>();
    for (const point of siliconPoints(selection)) {
      const key = point.group.split(" ").slice(0, -1).join(" ");
      groups.set(key, [...(groups.get(key) ?? []), point]);
    }
    for (const [key, points] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const free = points.filter(({ saturated, severalReplicas }) => !saturated && !severalReplicas);
      if (free.length < 3) continue;
      const left = points.length - free.length;
      const errors = errorCells(summariseErrors(free.map(({ tpotMs }) => tpotMs)));
      table += `| ${selection.backend} ${key} | TPOT${left === 0 ? "" : ` (${left} of ${points.length} left out)`} | ${errors} |\n`;
    }
  }
  return table;
}

function siliconTable(): string {
  const groups = new Map<string, ReturnType<typeof siliconPoints>>();
  for (const point of siliconPoints(DENSE_VLLM)) {
    const key = point.group.split(" ").slice(0, 3).join(" ");
    groups.set(key, [...(groups.get(key) ?? []), point]);
  }
  let table = `| model, system | points | ${HEADER}`;
  for (const [key, points] of groups) {
    const free = points.filter(({ saturated, severalReplicas }) => !saturated && !severalReplicas);
    table += `| ${key} | TPOT (${points.length - free.length} of ${points.length} left out) | ${errorCells(summariseErrors(free.map(({ tpotMs }) => tpotMs)))} |\n`;
    const light = free.filter(({ concurrency }) => concurrency <= 8);
    if (light.length > 0)
      table += `| ${key} | TTFT, concurrency up to 8 | ${errorCells(summariseErrors(light.map(({ ttftMs }) => ttftMs)))} |\n`;
  }
  return table;
}

function measuredRunTable(): string {
  const folder = join(DATA, "calibration/vllm-runs");
  const lines = readFileSync(join(folder, "rtxpro6000-llama31-8b-tp1.timeseries.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1);
  const step = createRooflineStepTime({
    accelerator: acceleratorNamed("rtx-pro-6000-server"),
    model: modelNamed("Llama-3.1-8B"),
    tensorParallel: 1,
    engineVersion: "vllm-0.19",
    maxNumBatchedTokens: 2048,
    maxModelLenTokens: 131_072,
  });
  const full = lines.map((line) => line.split(",").map(Number)).filter((row) => row[3] === 128 && row[1]! < 200);
  const measuredMs = full.map((row) => 128_000 / row[2]!).sort((a, b) => a - b);
  const modelledMs = curveAt(step.decodeCurve(128), 128 * 1060) / 1000;
  const median = measuredMs[measuredMs.length >> 1];
  const seen =
    median === undefined ? "no second of pure decode at 128 in the series" : `${median.toFixed(1)} ms (median second)`;
  return `Batch 128 at a context of about 1,060: modelled ${modelledMs.toFixed(1)} ms a step; measured 26.3 to 27.0 ms, from the series ${seen}.\n`;
}

const text = `# Accuracy of step times

Written by \`scripts/fit/report.ts\` from the data under \`WINDTUNNEL_DATA\`; the coefficients are those of
\`scripts/fit/fit.ts\`. MAPE is the mean absolute relative error, p90 the 90th percentile of its size, bias its signed mean.
Every error here is on the data of the fit, unless it says otherwise.

## Kernels

${await kernelTable()}
Latent attention was not measured alone: its rows are the measured module less the modelled projections.
Experts: a mild power-law spread of tokens (\`power_law_1.01\`), the expected number of touched experts of uniform routing.
The L40S rows left out were served from its L2 cache and say nothing about a step of a whole model.

## Sums of kernels

Linear layers, attention and all-reduces of a step, without small kernels and overhead; measured sums of the same tables.

${kernelSumTable()}
## End to end, vLLM

Qwen3-32B's points are of vLLM 0.12: its overhead, 1.2 ms a step and 48 us for each sequence in it, is fitted to them. To
the others no coefficient is, but they were in sight when the bytes of the small kernels and 0.19's 1 ms were chosen:
they are no held-out test. Closed loop: an answer's tokens are decode steps of \`concurrency\` sequences at the mean context, one for each
other request stretched by its prefill. Points whose prompts queued are left out, and those
faster than one replica's hardware allows (several shared the load). TTFT is one
undisturbed prefill plus half a step: the queueing of simultaneous arrivals is the simulator's part, not the step model's.

${siliconTable()}
## End to end, experts, unlike layers and layouts

The same closed-loop sum for models with experts, windows and states, under tensor, data and expert parallelism (even
load, no pipeline: the data has none). No coefficient is fitted to these points; that FP8 with blocks of scales is taken as
at least as efficient as with one scale, and from where on MXFP4 experts' kernels count, was decided in their sight. The engine
is told as vLLM 0.19, or 0.12 for rows of vLLM up to that: for the rows of SGLang and TensorRT-LLM the error holds their other kernels and, where they
drafted tokens, that too. Groups of fewer than three points are left out. Rows of vLLM with data-parallel attention are read as one rank a device.

${layoutTable()}
## A measured run, vLLM 0.19 on RTX PRO 6000

${measuredRunTable()}
## What is assumed

- Accelerators without measured kernels use a relative's efficiencies on their own peaks: \`hardware/efficiency/efficiency-of.ts\` says whose.
- Norms, rotary embedding, cache writes and activations: 2 us each and their bytes at 0.9 of the bandwidth.
- Chunks with less work than one head of a whole prompt (short chunks, long prefixes) lose efficiency as on RTX PRO 6000.
- All-reduce without a table: a ring over the link with 10 us latency. PCIe: L40S's table, scaled by the link.
- The Qwen3-30B-A3B run (data and expert parallel) is not compared: its ranks are scheduled apart.
- Linear layers in FP8 with blocks of scales are as fast as with one scale where the table's times never fall below a
  launch (57 us on H200, 190 us on B200): it was taken without a graph.
- Linear-attention and state-space layers: 0.25 of BF16 peak in prefill, their state read and written at 0.6 of the
  bandwidth. Indexers of sparse attention: 0.5 of FP8 peak and of the bandwidth. Sparse attention as dense, absorbed.
- DeepSeek-V4: each token of a prompt is a query of the decode kernel, in the efficiency of decoding MLA over as much
  context; reading and writing its compressors' states and the projection before the layer that drafts cost nothing.
  Hyper-connections: six kernels a layer that move all residual streams, whole on every device. No measured point has it.
- All-to-all: 20 us each way and 0.88 of the link, of the network beyond the link's domain (DeepEP's README).
- Data-parallel ranks that share experts step together and take the time of the longest, with the experts' time for the mean of
  the ranks' tokens; up to 512 tokens, the largest batch with a CUDA graph, for those of the largest. The exchange is the longest
  rank's own: its link decides. With even load, as in the tables above, this is the time of a batch like its own on every rank.
- MXFP4 and INT4 weights are computed in BF16; W4A16 NVFP4 as NVFP4. On H100 and H200 experts in MXFP4 take as long as
  their kernels from 4 tokens an expert on. With fewer the kernels, measured with tokens sent at random, take longer than
  whole decode steps of gpt-oss do, and on Blackwell published runs use another kernel: there as BF16.
- Vision encoders: weights of their transformer and projectors, where a workload has images; time of linear layers and
  attention in the efficiencies of the language model's. Norms, activations and the CPU's work on images cost nothing, nor
  does an encoder's memory beside its weights. No measured point has images. Audio encoders: as told (\`encodePerItem\`).
- The time of a decode batch is that of equal contexts with the same sum: exact for full attention; for windows never too
  fast, and too slow by at most the windowed layers' time for the share of sequences that are shorter than the window. A
  chunk counts as full from the first one on, on average twice what is read.
- Speculative decoding: steps of one token at an E-th of the time of a step that gives E; time per output token and
  throughput are those of the mean, gaps between tokens come smoothed.
- A pipeline is kept full by decode steps, and filled and drained by a step with a prompt's chunk, which pays the bubble
  (p - 1) / (m + p - 1): vLLM overlaps such steps too, so prompts are up to that much too slow.
`;
const page = join(import.meta.dirname, "../../docs/accuracy.md");
// The part on whole fleets is written by a test.
const fleets = readFileSync(page, "utf8").match(/\n## Published benchmarks of fleets\n[\s\S]*$/)?.[0] ?? "";
writeFileSync(page, text + fleets);
