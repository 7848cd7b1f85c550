import type { StateLayers } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";

const numberBytes = (dtype: unknown) => (dtype === "float32" ? 4 : 2);

/** Gated delta net (Qwen3-Next, Qwen3.5): projections to queries, keys, values, gate, and two scalars a value head. */
export function deltaNetLayers(read: ConfigReader, layers: number): StateLayers {
  const keyDim = read.required("linear_key_head_dim");
  const valueDim = read.required("linear_value_head_dim");
  const heads = read.required("linear_num_value_heads");
  const keys = read.required("linear_num_key_heads") * keyDim;
  return {
    kind: "linear",
    ...{ layers, heads, keyDim, valueDim },
    products: 3,
    projectedWidth: 2 * keys + 2 * heads * valueDim + 2 * heads,
    convChannels: 2 * keys + heads * valueDim,
    convKernel: read.required("linear_conv_kernel_dim"),
    stateNumberBytes: numberBytes(read.get("mamba_ssm_dtype")),
  };
}

/** Kimi delta attention: a decay for each key dimension, made over a rank of the head's width; state in FP32. */
export function kimiDeltaLayers(linear: ConfigReader, layers: number): StateLayers {
  const dim = linear.required("head_dim");
  const heads = linear.required("num_heads");
  const gate = linear.get("use_full_rank_gate") === true ? heads * dim : 2 * dim;
  return {
    kind: "linear",
    ...{ layers, heads, keyDim: dim, valueDim: dim },
    products: 3,
    projectedWidth: 3 * heads * dim + heads + 2 * dim + gate,
    convChannels: 3 * heads * dim,
    convKernel: linear.required("short_conv_kernel_size"),
    stateNumberBytes: 4,
  };
}

/** Mamba-2 (Nemotron-H): one projection to gate, values, two group vectors of the state's size, and a step size a head. */
export function mambaLayers(read: ConfigReader, layers: number): StateLayers {
  const heads = read.required("mamba_num_heads");
  const valueDim = read.required("mamba_head_dim");
  const keyDim = read.required("ssm_state_size");
  const groups = 2 * read.required("n_groups") * keyDim;
  return {
    kind: "state-space",
    ...{ layers, heads, keyDim, valueDim },
    products: 2,
    projectedWidth: 2 * heads * valueDim + groups + heads,
    convChannels: heads * valueDim + groups,
    convKernel: read.required("conv_kernel"),
    stateNumberBytes: numberBytes(read.get("mamba_ssm_cache_dtype")),
  };
}
