import { ScenarioError } from "../errors.ts";
import type { KvFormat, WeightFormat } from "./architecture.ts";

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Weight format by `quant_algo` (ModelOpt) or `quant_method`. */
const FORMATS: Readonly<Record<string, WeightFormat>> = {
  fp8: "fp8",
  fbgemm_fp8: "fp8",
  fp8_pb_wo: "fp8_block",
  nvfp4: "nvfp4",
  mxfp4: "mxfp4",
  int8: "int8",
  awq: "int4",
  gptq: "int4",
  w4a16_awq: "int4",
};

function compressedTensorsFormat(config: Json): WeightFormat | undefined {
  const groups = isObject(config.config_groups) ? Object.values(config.config_groups) : [];
  const weights = groups.map((group) => (isObject(group) ? group.weights : undefined)).find(isObject);
  if (weights === undefined) return undefined;
  const bits = weights.num_bits;
  if (weights.type === "float") return bits === 8 ? (weights.strategy === "block" ? "fp8_block" : "fp8") : "nvfp4";
  return bits === 8 ? "int8" : "int4";
}

/**
 * Format of the linear layers' weights from `quantization_config` or `hf_quant_config.json`; BF16 where there is neither.
 *
 * @throws ScenarioError on a scheme that is not known
 */
export function weightFormatOf(name: string, config: Json, hfQuantConfig?: Json): WeightFormat {
  const outer = hfQuantConfig?.quantization ?? config.quantization_config;
  if (!isObject(outer)) return "bfloat16";
  if (Array.isArray(outer.weight_block_size)) return "fp8_block";
  const scheme = outer.quant_algo ?? outer.quant_method;
  if (scheme === "compressed-tensors") {
    const format = compressedTensorsFormat(outer);
    if (format !== undefined) return format;
  }
  const format = FORMATS[String(scheme).toLowerCase()];
  if (format !== undefined) return format;
  const known = Object.keys(FORMATS).join(", ");
  throw new ScenarioError(`${name}: unknown quantisation "${String(scheme)}"; known: ${known}, compressed-tensors`);
}

/** KV format that the checkpoint carries scales for. */
export function checkpointKvFormatOf(config: Json, hfQuantConfig?: Json): KvFormat {
  const outer = hfQuantConfig?.quantization ?? config.quantization_config;
  if (!isObject(outer)) return "bfloat16";
  const algorithm = String(outer.kv_cache_quant_algo ?? "").toLowerCase();
  const scheme = outer.kv_cache_scheme;
  return algorithm === "fp8" || (isObject(scheme) && scheme.num_bits === 8) ? "fp8" : "bfloat16";
}
