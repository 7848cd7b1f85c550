import * as z from "zod";
import { ScenarioError } from "../errors.ts";

const count = (description: string) => z.int().min(1).meta({ description });

/** How a replica's model is cut over accelerators. */
export const parallelismSchema = z
  .strictObject({
    tensor: count("Accelerators that share each layer; default: tensorParallel").optional(),
    pipeline: count("Stages that the layers are cut into").default(1),
    data: count("Ranks with attention, scheduler and endpoint of their own that share the experts").default(1),
    expert: count("Ranks that the routed experts are spread over, a divisor of tensor × data; 1 = sliced").default(1),
    microbatches: count("Parts of a step's batch in the pipeline at once; default: the stages").optional(),
    expertSkew: z.number().min(1).default(1).meta({ description: "Load of the hottest expert rank over the mean" }),
  })
  .meta({ description: "How a replica's model is cut over accelerators" });

/** A pool's layout with every default in force. */
export interface ParallelLayout {
  readonly tensor: number;
  readonly pipeline: number;
  readonly data: number;
  readonly expert: number;
  readonly microbatches: number;
  readonly expertSkew: number;
}

/** What a pool says of its layout. */
interface PoolLayout {
  readonly name: string;
  readonly tensorParallel: number;
  readonly parallelism?: z.infer<typeof parallelismSchema> | undefined;
}

/**
 * The layout of a pool; `tensorParallel` is short for `parallelism: {tensor}`.
 *
 * @throws ScenarioError when both are given and differ
 */
export function parallelLayout({ name, tensorParallel, parallelism }: PoolLayout): ParallelLayout {
  const tensor = parallelism?.tensor ?? tensorParallel;
  if (tensorParallel !== 1 && tensorParallel !== tensor) {
    throw new ScenarioError(
      `pool "${name}": tensorParallel is ${tensorParallel} and parallelism.tensor is ${tensor}, allowed: one, or the same`,
    );
  }
  const pipeline = parallelism?.pipeline ?? 1;
  return {
    tensor,
    pipeline,
    data: parallelism?.data ?? 1,
    expert: parallelism?.expert ?? 1,
    microbatches: parallelism?.microbatches ?? pipeline,
    expertSkew: parallelism?.expertSkew ?? 1,
  };
}

/** Accelerators of one data-parallel rank, which is one replica to the simulator. */
export function devicesPerRank({ tensor, pipeline }: ParallelLayout): number {
  return tensor * pipeline;
}
