import { generateInferencePerf } from "../workload/generators/inference-perf.ts";
import { ignoredInferencePerfKeys } from "../workload/generators/inference-perf-schema.ts";
import { generateSynthetic } from "../workload/generators/synthetic.ts";
import type { Workload } from "../workload/workload.ts";
import type { Scenario } from "./schema.ts";

/** The requests of a scenario that generates them; undefined for one that replays a trace. */
export function generateWorkload({ spec }: Scenario): Workload | undefined {
  const { synthetic, inferencePerf } = spec.workload;
  if (synthetic !== undefined) return generateSynthetic(synthetic, spec.seed);
  return inferencePerf === undefined ? undefined : generateInferencePerf(inferencePerf, spec.seed);
}

/** Fields of a scenario that are accepted and have no effect. */
export function ignoredFields({ spec }: Scenario): string[] {
  const { inferencePerf } = spec.workload;
  if (inferencePerf === undefined) return [];
  return ignoredInferencePerfKeys(inferencePerf).map((key) => `spec.workload.inferencePerf.${key}`);
}
