import { scenarioJsonSchema } from "./load.ts";
import type { JsonSchema } from "./schema-fields.ts";

/**
 * The JSON Schema (draft 7) of a scenario file for editors and validators: `scenarioJsonSchema`, and beside the workload
 * block as it is read the other form in which it may be written, an inference-perf configuration pasted beside
 * `generator: inference-perf`.
 */
export function publishedScenarioSchema(): JsonSchema {
  const root = scenarioJsonSchema();
  const spec = root.properties?.spec;
  const workload = spec?.properties?.workload;
  if (!spec || !workload) return root;
  const both: JsonSchema = {
    ...(workload.description === undefined ? {} : { description: workload.description }),
    anyOf: [workload, pastedGenerator(workload)],
  };
  return {
    ...root,
    properties: { ...root.properties, spec: { ...spec, properties: { ...spec.properties, workload: both } } },
  };
}

function pastedGenerator(workload: JsonSchema): JsonSchema {
  const { slo, inferencePerf } = workload.properties ?? {};
  return {
    description: "A configuration of kubernetes-sigs/inference-perf, its own keys beside generator",
    type: "object",
    properties: {
      generator: { const: "inference-perf", description: "Says that the other keys are inference-perf's" },
      ...(slo ? { slo } : {}),
      ...inferencePerf?.properties,
    },
    required: ["generator", ...(inferencePerf?.required ?? [])],
    additionalProperties: false,
  };
}
