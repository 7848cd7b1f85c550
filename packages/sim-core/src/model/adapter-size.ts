import type { AttentionLayers, ModelArchitecture } from "./architecture.ts";

const NUMBER_BYTES = 2;

/** Alike linear layers that an adapter adds two matrices to, `inputs` x rank and rank x `outputs`. */
interface AdaptedLayers {
  readonly count: number;
  readonly inputs: number;
  readonly outputs: number;
  /** What tensor parallelism cuts of the layer. */
  readonly cut: "inputs" | "outputs" | "none";
}

/** How many devices share the layers. */
export interface AdapterLayout {
  readonly tensor: number;
  /** Share of the layers that the fullest stage of a pipeline has. */
  readonly stageFraction: number;
  /** Data-parallel ranks, which share the routed experts. */
  readonly data: number;
}

function attentionLayers(layer: AttentionLayers, hidden: number): AdaptedLayers[] {
  const { layers: count, heads, kvHeads, headDim, valueHeadDim, latent } = layer;
  const output = { count, inputs: heads * valueHeadDim, outputs: hidden, cut: "inputs" } as const;
  if (latent === undefined) {
    const queries = heads * headDim * (layer.outputGate ? 2 : 1);
    const keys = { count, inputs: hidden, outputs: kvHeads * headDim, cut: "outputs" } as const;
    const values = layer.valueProjection ? [{ ...keys, outputs: kvHeads * valueHeadDim }] : [];
    return [{ count, inputs: hidden, outputs: queries, cut: "outputs" }, keys, ...values, output];
  }
  const { queryRank, kvRank, ropeHeadDim, nopeHeadDim } = latent;
  const queries = heads * (nopeHeadDim + ropeHeadDim);
  const down = queryRank === 0 ? [] : [{ count, inputs: hidden, outputs: queryRank, cut: "none" } as const];
  return [
    ...down,
    { count, inputs: queryRank === 0 ? hidden : queryRank, outputs: queries, cut: "outputs" },
    { count, inputs: hidden, outputs: kvRank + ropeHeadDim, cut: "none" },
    { count, inputs: kvRank, outputs: heads * (nopeHeadDim + latent.valueHeadDim), cut: "outputs" },
    { ...output, inputs: heads * latent.valueHeadDim },
  ];
}

function networkLayers(count: number, hidden: number, width: number, matrices: 2 | 3): AdaptedLayers[] {
  return [
    { count: count * (matrices - 1), inputs: hidden, outputs: width, cut: "outputs" },
    { count, inputs: width, outputs: hidden, cut: "inputs" },
  ];
}

/** All linear layers of attention, states, dense networks and shared experts. */
function adaptedLayers(model: ModelArchitecture): AdaptedLayers[] {
  const { hiddenSize: hidden, moe } = model;
  const shared = moe?.sharedIntermediateSize ?? 0;
  return [
    ...model.attention.flatMap((layer) => attentionLayers(layer, hidden)),
    ...model.states.flatMap(({ layers: count, projectedWidth, heads, valueDim }): AdaptedLayers[] => [
      { count, inputs: hidden, outputs: projectedWidth, cut: "outputs" },
      { count, inputs: heads * valueDim, outputs: hidden, cut: "inputs" },
    ]),
    ...model.dense.flatMap((layer) => networkLayers(layer.layers, hidden, layer.intermediateSize, layer.matrices)),
    ...(moe && shared > 0 ? networkLayers(moe.layers, hidden, shared, moe.matrices) : []),
  ];
}

/** Each routed expert has matrices of its own (vLLM 0.19, `FusedMoEWithLoRA`). */
function expertLayers({ moe }: ModelArchitecture): AdaptedLayers[] {
  if (moe === undefined) return [];
  return networkLayers(moe.layers * moe.experts, moe.width, moe.intermediateSize, moe.matrices);
}

const numbersOf = (layers: readonly AdaptedLayers[], rank: number, tensor: number): number =>
  layers.reduce((sum, { count, inputs, outputs, cut }) => {
    const own = (cut === "inputs" ? inputs / tensor : inputs) + (cut === "outputs" ? outputs / tensor : outputs);
    return sum + count * rank * own;
  }, 0);

/** Bytes of an adapter of every linear layer, in BF16; embeddings and output head are left as they are. */
export function adapterBytes(model: ModelArchitecture, rank: number): number {
  return NUMBER_BYTES * (numbersOf(adaptedLayers(model), rank, 1) + numbersOf(expertLayers(model), rank, 1));
}

/**
 * Bytes of it on the fullest device: of the two matrices of a layer, tensor parallelism cuts the one on the side on which
 * it cuts the layer (vLLM 0.19 without `fully_sharded_loras`, `lora/layers/column_parallel_linear.py` and
 * `row_parallel_linear.py`).
 */
export function adapterBytesPerGpu(model: ModelArchitecture, rank: number, layout: AdapterLayout): number {
  const { tensor, stageFraction, data } = layout;
  const experts = numbersOf(expertLayers(model), rank, tensor) / data;
  return NUMBER_BYTES * stageFraction * (numbersOf(adaptedLayers(model), rank, tensor) + experts);
}
