import { readFileSync } from "node:fs";
import { join } from "node:path";
import { curveAt } from "../../packages/sim-core/src/engine/step-time/decode-curve.ts";
import { createRooflineStepTime } from "../../packages/sim-core/src/engine/step-time/roofline.ts";
import type { StepTimeModel } from "../../packages/sim-core/src/engine/step-time-model.ts";
import { acceleratorNamed } from "../../packages/sim-core/src/hardware/catalogue.ts";
import { modelNamed } from "../../packages/sim-core/src/model/catalogue.ts";
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
const MODELS = ["meta-llama/Llama-3.1-70B", "Qwen/Qwen3-32B"];

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

/**
 * vLLM points of the models with measured kernels. Closed loop at concurrency c: an answer's tokens are decode steps of c
 * sequences at the mean context, of which one for each of the other requests is stretched by a prefill.
 */
export function siliconPoints(): SiliconPoint[] {
  const rows = readRows().filter(
    (row) => row.backend === "vllm" && row.mode === "agg" && MODELS.includes(row.model_path!),
  );
  return rows.map((row) => {
    const number = (key: string) => Number(row[key]);
    const [isl, osl, concurrency] = [number("isl"), number("osl"), number("batch_size")];
    const fp8 = row.precision === "fp8";
    const model = createRooflineStepTime({
      accelerator: acceleratorNamed(row.system!),
      model: { ...modelNamed(row.model_path!), weightFormat: fp8 ? "fp8" : "bfloat16" },
      tensorParallel: number("tp_size"),
      engineVersion: "vllm-0.19",
      maxNumBatchedTokens: MAX_BATCHED_TOKENS,
      maxModelLenTokens: 131_072,
    });
    const context = isl + osl / 2;
    const decodeUs = curveAt(model.decodeCurve(concurrency), concurrency * context);
    const { us, steps } = prefill(model, isl, concurrency - 1, context);
    const tpotUs = decodeUs + ((concurrency - 1) * (us - steps * decodeUs)) / (osl - 1);
    return {
      group: `${row.model_path!.split("/")[1]}${fp8 ? " FP8" : " BF16"} ${row.system} TP${row.tp_size} ${isl}/${osl}`,
      concurrency,
      ttftMs: [(us + decodeUs / 2) / 1000, number("silicon_ttft_ms")],
      tpotMs: [tpotUs / 1000, number("silicon_tpot_ms")],
      severalReplicas: number("silicon_tpot_ms") < model.floorUs(concurrency, concurrency * context, NO_CHUNKS) / 1000,
      saturated: number("silicon_ttft_ms") > (3 * concurrency * us) / 1000 || number("silicon_ttft_ms") > 5000,
    };
  });
}
