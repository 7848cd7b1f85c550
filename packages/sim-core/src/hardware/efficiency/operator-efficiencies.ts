import { log } from "../../kernel/math.ts";
import type { KvFormat, WeightFormat } from "../../model/architecture.ts";
import type { Axes, LogGrid } from "./axes.ts";

/** Efficiencies (0 to 1) on the axes of `axes.ts`, as a fit writes them. */
type Efficiencies = readonly number[];

/** What was fitted to one device's measured kernel times. */
export interface OperatorEfficiencies {
  /** Where the times come from. */
  readonly source: string;
  readonly gemm: Readonly<Partial<Record<WeightFormat, Efficiencies>>> & { readonly bfloat16: Efficiencies };
  readonly prefillAttention: Efficiencies;
  readonly decodeAttention: Readonly<Partial<Record<KvFormat, Efficiencies>>> & { readonly bfloat16: Efficiencies };
  /**
   * How much longer decoding sequences take beside prefill chunks, where one kernel serves both (without splitting long
   * contexts over the device); 1 where it was not measured.
   */
  readonly mixedDecodeFactor?: number;
  readonly experts?: Readonly<Partial<Record<WeightFormat, Efficiencies>>>;
  readonly latentPrefillAttention?: Efficiencies;
  readonly latentDecodeAttention?: Efficiencies;
  /** Microseconds by number of devices, on `ALL_REDUCE_AXIS`. */
  readonly allReduceUs?: Readonly<Record<string, readonly number[]>>;
}

/** A grid ready for interpolation. */
export function logGrid(axes: Axes, values: readonly number[]): LogGrid {
  return { axes, values: Float64Array.from(values, log) };
}
