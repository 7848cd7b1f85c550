import { azure } from "./azure.ts";
import { blockIds16 } from "./block-ids-16.ts";
import { burstgpt } from "./burstgpt.ts";
import type { TraceFormat } from "./format.ts";
import { llmservingsim } from "./llmservingsim.ts";
import { mooncake } from "./mooncake.ts";
import { qwenBailian } from "./qwen-bailian.ts";
import { splitwiseSim } from "./splitwise-sim.ts";
import { vidur } from "./vidur.ts";
import { shareGpt, vllmCustom } from "./vllm-bench.ts";
import { weka } from "./weka.ts";
import { windtunnel } from "./windtunnel.ts";
import { windtunnelRecording } from "./windtunnel-recording.ts";

/** Every format that a trace can be read from; the first that matches a file's first record reads it. */
export const traceFormats: readonly TraceFormat[] = [
  windtunnel,
  windtunnelRecording,
  qwenBailian,
  mooncake,
  azure,
  burstgpt,
  vidur,
  splitwiseSim,
  llmservingsim,
  blockIds16,
  weka,
  shareGpt,
  vllmCustom,
];
