import { readFileSync } from "node:fs";
import { join } from "node:path";
import { curveAt } from "../../packages/sim-core/src/engine/step-time/decode-curve.ts";
import { createRooflineStepTime } from "../../packages/sim-core/src/engine/step-time/roofline.ts";
import type { StepTimeModel } from "../../packages/sim-core/src/engine/step-time-model.ts";
import { acceleratorNamed } from "../../packages/sim-core/src/hardware/catalogue.ts";
import type { ModelArchitecture } from "../../packages/sim-core/src/model/architecture.ts";
import { modelNamed } from "../../packages/sim-core/src/model/catalogue.ts";
import { inWeightFormat } from "../../packages/sim-core/src/model/parameters.ts";
import { DATA } from "./parquet.ts";

/** A measured end-to-end point and the closed-loop approximation of it. */
export interface SiliconPoint {
  readonly group: string;
  readonly concurrency: number;
  readonly ttftMs: readonly [predicted: number, measured: number];
  readonly tpotMs: readonly [predicted: number, measured: number];
  /** Prompts queued in the measurement: more waiting than prefill. */
  readonly saturated: boolean;
  /** Faster than one replica's hardware allows at this concurrency: several shared the load. */
  readonly severalReplicas: boolean;
}

const MAX_BATCHED_TOKENS = 8192;
const NO_CHUNKS = { count: 0, newTokens: new Int32Array(0), cachedTokens: new Int32Array(0), completing: 0 };

/** A line of the report: which measured points it takes. */
export interface SiliconSelection {
  readonly backend: "vllm" | "sglang" | "trtllm";
  readonly models: readonly string[];
}

/** vLLM points of dense models, on which the small kernels and the overhead were chosen. */
export const DENSE_VLLM: SiliconSelection = {
  backend: "vllm",
  models: ["meta-llama/Llama-3.1-70B", "Qwen/Qwen3-32B"],
};

/** Models with experts, windows and states, and layouts with expert and data parallelism: in sight of no choice. */
export const OTHER_LAYOUTS: readonly SiliconSelection[] = [
  { backend: "vllm", models: ["openai/gpt-oss-120b", "MiniMaxAI/MiniMax-M2.5"] },
  { backend: "sglang", models: ["Qwen/Qwen3.5-397B-A17B", "deepseek-ai/DeepSeek-R1"] },
  { backend: "trtllm", models: ["openai/gpt-oss-120b", "deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-235B-A22B-FP8"] },
];

function readRows(): Record<string, string>[] {
  const text = readFileSync(join(DATA, "calibration/aiconfigurator/silicon_given.csv"), "utf8").replaceAll("\r", "");
  const [header, ...lines] = text
    .trim()
    .split("\n")
    .map((line) => line.match(/("[^"]*"|[^,]*)(,|$)/g)!.map((cell) => cell.replace(/,$/, "").replaceAll('"', "")));
  return lines.map((cells) => Object.fromEntries(header!.map((name, i) => [name, cells[i] ?? ""])));
}

/** Time of a prompt's chunks beside `others` decoding sequences, and how many steps they take. */
function prefill(model: StepTimeModel, prompt: number, others: number, context: number): { us: number; steps: number } {
  let us = 0;
  let steps = 0;
  for (let done = 0; done < prompt; steps++) {
    const fresh = Math.min(MAX_BATCHED_TOKENS - others, prompt - done);
    const chunks = { count: 1, newTokens: Int32Array.of(fresh), cachedTokens: Int32Array.of(done), completing: 1 };
    us += model.mixedStepUs(others, others * context, chunks);
    done += fresh;
  }
  return { us, steps };
}

/** The model in the precision of a row: FP4 leaves the attention projections in BF16, as NVIDIA's checkpoints do. */
function modelOf(row: Record<string, string>): ModelArchitecture {
  const model = modelNamed(row.model_path!.replace(/-FP8$/, ""));
  if (row.model_path!.endsWith("-FP8")) return inWeightFormat(model, "fp8_block");
  if (row.precision === "fp8") {
    const blocks = row.model_path!.startsWith("Qwen/Qwen3.5");
    return model.weightFormat.startsWith("fp8") ? model : inWeightFormat(model, blocks ? "fp8_block" : "fp8");
  }
  if (row.precision === "fp4") {
    return model.weightFormat === "mxfp4"
      ? model
      : { ...model, weightFormat: "nvfp4", attentionWeightFormat: "bfloat16" };
  }
  return inWeightFormat(model, "bfloat16");
}

const PRECISIONS: Readonly<Record<string, string>> = { fp8: "FP8", fp4: "FP4" };

/**
 * The layout of a row; counts that are not given are 1. A row with as many attention ranks as tensor ranks, and the product
 * of both as expert ranks, is a run of vLLM's with data-parallel attention over all its devices: no tensor parallelism.
 */
function layoutOf(row: Record<string, string>) {
  const count = (key: string) => Math.max(1, Number(row[key] || 1));
  const [tensorParallel, dataParallel] = [count("tp_size"), count("attention_dp_size")];
  const expertParallel = count("moe_ep_size");
  const flagged = dataParallel > 1 && tensorParallel === dataParallel && expertParallel === dataParallel ** 2;
  return flagged
    ? { tensorParallel: 1, dataParallel, expertParallel: dataParallel }
    : { tensorParallel, dataParallel, expertParallel };
}

/** Of a layout, what is more than tensor parallelism alone. */
function layoutLabel(row: Record<string, string>): string {
  const { tensorParallel, dataParallel, expertParallel } = layoutOf(row);
  const more = [dataParallel > 1 ? ` DP${dataParallel}` : "", expertParallel > 1 ? ` EP${expertParallel}` : ""];
  return `TP${tensorParallel}${more.join("")}`;
}

/** Points whose expert ranks are as many as their devices, or one: what the model knows how to lay out. */
function isKnownLayout(row: Record<string, string>): boolean {
  const { tensorParallel, dataParallel, expertParallel } = layoutOf(row);
  return (tensorParallel * dataParallel) % expertParallel === 0 && tensorParallel <= 8;
}

/**
 * Points of an engine and its models. Closed loop at concurrency c: an answer's tokens are decode steps of c sequences (of
 * c over the data-parallel ranks) at the mean context, of which one for each of the other requests is stretched by a
 * prefill.
 */
export function siliconPoints({ backend, models }: SiliconSelection): SiliconPoint[] {
  const rows = readRows().filter(
    (row) => row.backend === backend && row.mode === "agg" && models.includes(row.model_path!) && isKnownLayout(row),
  );
  return rows.map(pointOf);
}

/** The engine version that a row is told as: vLLM before asynchronous scheduling as 0.12, all others as 0.19. */
function engineOf({ backend, backend_version: version }: Record<string, string>): string {
  return backend === "vllm" && /^0\.1[0-2]\./.test(version!) ? "vllm-0.12" : "vllm-0.19";
}

function pointOf(row: Record<string, string>): SiliconPoint {
  const number = (key: string) => Number(row[key]);
  const layout = layoutOf(row);
  const [isl, osl] = [number("isl"), number("osl")];
  const concurrency = Math.max(1, Math.round(number("batch_size") / layout.dataParallel));
  const model = createRooflineStepTime({
    accelerator: acceleratorNamed(row.system!),
    model: modelOf(row),
    ...layout,
    engineVersion: engineOf(row),
    maxNumBatchedTokens: MAX_BATCHED_TOKENS,
    maxModelLenTokens: 131_072,
  });
  const context = isl + osl / 2;
  const decodeUs = curveAt(model.decodeCurve(concurrency), concurrency * context);
  const { us, steps } = prefill(model, isl, concurrency - 1, context);
  const tpotUs = decodeUs + ((concurrency - 1) * (us - steps * decodeUs)) / (osl - 1);
  const precision = PRECISIONS[row.precision!] ?? "BF16";
  return {
    group: `${row.model_path!.split("/")[1]} ${precision} ${row.system} ${layoutLabel(row)} ${isl}/${osl}`,
    concurrency,
    ttftMs: [(us + decodeUs / 2) / 1000, number("silicon_ttft_ms")],
    tpotMs: [tpotUs / 1000, number("silicon_tpot_ms")],
    severalReplicas: number("silicon_tpot_ms") < model.floorUs(concurrency, concurrency * context, NO_CHUNKS) / 1000,
    saturated: number("silicon_ttft_ms") > (3 * concurrency * us) / 1000 || number("silicon_ttft_ms") > 5000,
  };
}
