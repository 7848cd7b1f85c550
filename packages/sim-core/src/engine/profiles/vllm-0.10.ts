import type { EngineVersion } from "../engine-version.ts";
import { vllm012 } from "./vllm-0.12.ts";

/**
 * vLLM 0.10, V1 engine. As 0.12, but for its CUDA graphs, which leave out the attention of each layer: `PIECEWISE` was the
 * default until pull request 25444, of 0.11. 3 ms a step `assumed`.
 */
export const vllm010: EngineVersion = {
  ...vllm012,
  name: "vllm-0.10",
  summary: "vLLM 0.10, V1 engine",
  stepOverheadUs: 3_000,
};
