import { ScenarioError } from "../errors.ts";
import type { KvFormat, ModelArchitecture, WeightFormat } from "./architecture.ts";

type Json = Readonly<Record<string, unknown>>;

/** Formats of the parts of a model; those absent have that of the routed experts, or of everything. */
export type WeightFormats = Pick<ModelArchitecture, "weightFormat" | "attentionWeightFormat" | "networkWeightFormat">;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Weight format by `quant_algo` (ModelOpt) or `quant_method`. */
const FORMATS: Readonly<Record<string, WeightFormat>> = {
  fp8: "fp8",
  fbgemm_fp8: "fp8",
  fp8_pb_wo: "fp8_block",
  mxfp8: "fp8_block",
  nvfp4: "nvfp4",
  w4a16_nvfp4: "nvfp4",
  mxfp4: "mxfp4",
  int8: "int8",
  awq: "int4",
  gptq: "int4",
  w4a16_awq: "int4",
};

function compressedTensorsFormat(config: Json): WeightFormat | undefined {
  const groups = isObject(config.config_groups) ? Object.values(config.config_groups) : [];
  const found = groups.find((group) => isObject(group) && isObject(group.weights));
  if (!isObject(found) || !isObject(found.weights)) return undefined;
  const { weights } = found;
  const bits = weights.num_bits;
  const packing = String(found.format ?? config.format ?? "");
  if (weights.type !== "float") return bits === 8 ? "int8" : "int4";
  if (bits !== 8) return packing.startsWith("mxfp4") ? "mxfp4" : "nvfp4";
  return weights.strategy === "block" ? "fp8_block" : "fp8";
}

function formatNamed(name: string, scheme: unknown): WeightFormat {
  const format = FORMATS[String(scheme).toLowerCase()];
  if (format !== undefined) return format;
  const known = [...Object.keys(FORMATS), "compressed-tensors", "MIXED_PRECISION"].join(", ");
  throw new ScenarioError(`${name}: unknown quantisation "${String(scheme)}"; known: ${known}`);
}

/** What a module's name says that it belongs to. */
type Part = "attention" | "network" | "experts";

function partOf(module: string): Part | undefined {
  if (/lm_head|^mtp|\.mtp\./.test(module)) return undefined;
  if (/attn|mixer\.(in|out|q|k|v|o)_proj/.test(module)) return "attention";
  if (/shared_expert/.test(module)) return "network";
  return /experts|mixer\.\d/.test(module) ? "experts" : "network";
}

/** The commonest format of each part among layers that name their own, and that of the rest. */
function mixedFormats(name: string, layers: Json, rest: WeightFormat): WeightFormats {
  const counts = new Map<Part, Map<WeightFormat, number>>();
  for (const [module, settings] of Object.entries(layers)) {
    const part = partOf(module);
    if (part === undefined || !isObject(settings)) continue;
    const format = formatNamed(name, settings.quant_algo);
    const formats = counts.get(part) ?? new Map<WeightFormat, number>();
    formats.set(format, (formats.get(format) ?? 0) + 1);
    counts.set(part, formats);
  }
  const commonest = (part: Part): WeightFormat | undefined =>
    [...(counts.get(part) ?? [])].sort((a, b) => b[1] - a[1])[0]?.[0];
  const network = commonest("network");
  const weightFormat = commonest("experts") ?? network ?? rest;
  return apart({
    weightFormat,
    attentionWeightFormat: commonest("attention") ?? rest,
    networkWeightFormat: network ?? rest,
  });
}

/** Names of a part's projections, or of the whole part, in a list of modules that stay as they are. */
const LEFT_OUT = {
  attention: /attn(\*|\.\*|$|\.(q|k|v|o|q_a|q_b|kv_a|kv_b|in|out)_proj)/,
  network: /shared_experts?(\*|\.\*|$|\.(gate|up|down)_proj)/,
} as const;

/** Whether the list leaves a part of most layers in BF16. */
function isLeftOut(modules: readonly string[], part: keyof typeof LEFT_OUT): boolean {
  const named = new Set<string>();
  const layers = new Set<string>();
  for (const module of modules) {
    const layer = module.match(/layers\.(\d+)/)?.[1];
    if (layer !== undefined) layers.add(layer);
    if (!LEFT_OUT[part].test(module)) continue;
    if (layer === undefined) return true;
    named.add(layer);
  }
  return named.size > 0 && named.size * 2 > Math.max(layers.size, 8);
}

function apart(formats: WeightFormats): WeightFormats {
  const { weightFormat, attentionWeightFormat: attention, networkWeightFormat: network } = formats;
  return {
    weightFormat,
    ...(attention === undefined || attention === weightFormat ? {} : { attentionWeightFormat: attention }),
    ...(network === undefined || network === weightFormat ? {} : { networkWeightFormat: network }),
  };
}

function settingsOf(config: Json, hfQuantConfig?: Json): Json | undefined {
  const outer = hfQuantConfig?.quantization ?? config.quantization_config;
  return isObject(outer) ? outer : undefined;
}

function onlyFormat(name: string, settings: Json): WeightFormat {
  if (Array.isArray(settings.weight_block_size)) return "fp8_block";
  const scheme = settings.quant_algo ?? settings.quant_method;
  if (scheme === "compressed-tensors" || scheme === undefined) {
    const format = compressedTensorsFormat(settings);
    if (format !== undefined) return format;
  }
  return formatNamed(name, scheme);
}

/**
 * Formats of the linear layers' weights from `quantization_config` or `hf_quant_config.json`; BF16 where there is neither,
 * and for a part that the list of modules left out names in most layers. `expert_dtype` "fp4" sets experts apart: E2M1 with
 * a scale for each 32 (DeepSeek-V4).
 *
 * @throws ScenarioError on a scheme that is not known
 */
export function weightFormatsOf(name: string, config: Json, hfQuantConfig?: Json): WeightFormats {
  const settings = settingsOf(config, hfQuantConfig);
  if (settings === undefined) return { weightFormat: "bfloat16" };
  const own = isObject(config.quantization_config) ? config.quantization_config : settings;
  if (isObject(settings.quantized_layers)) {
    return mixedFormats(
      name,
      settings.quantized_layers,
      Array.isArray(own.weight_block_size) ? "fp8_block" : "bfloat16",
    );
  }
  const listed = settings.modules_to_not_convert ?? settings.ignore ?? settings.exclude_modules;
  const modules = Array.isArray(listed) ? listed.map(String) : [];
  const format = onlyFormat(name, settings);
  if (config.expert_dtype === "fp4") {
    return apart({ weightFormat: "mxfp4", attentionWeightFormat: format, networkWeightFormat: format });
  }
  return apart({
    weightFormat: format,
    ...(isLeftOut(modules, "attention") ? { attentionWeightFormat: "bfloat16" } : {}),
    ...(isLeftOut(modules, "network") ? { networkWeightFormat: "bfloat16" } : {}),
  });
}

/** KV format that the checkpoint carries scales for. */
export function checkpointKvFormatOf(config: Json, hfQuantConfig?: Json): KvFormat {
  const settings = settingsOf(config, hfQuantConfig);
  if (settings === undefined) return "bfloat16";
  const scheme = settings.kv_cache_scheme;
  const named = String(settings.kv_cache_quant_algo ?? scheme ?? "").toLowerCase();
  return named === "fp8" || (isObject(scheme) && scheme.num_bits === 8) ? "fp8" : "bfloat16";
}
