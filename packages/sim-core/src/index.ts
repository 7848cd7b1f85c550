export { deriveKvBlocks } from "./engine/kv-blocks.ts";
export type { EngineProfile } from "./engine/profile.ts";
export { engineProfile } from "./engine/profiles.ts";
export { createRooflineStepTime } from "./engine/step-time/roofline.ts";
export { didYouMean, InvariantError, nearest, ScenarioError, TraceError } from "./errors.ts";
export { ACCELERATORS, acceleratorNamed } from "./hardware/catalogue.ts";
export { formatDurationUs, parseDurationUs } from "./kernel/units.ts";
export type { GapMetric, LatencyMetric, MetricDefinition, ScalarMetric } from "./metrics/definitions.ts";
export { METRICS } from "./metrics/definitions.ts";
export type { Distribution } from "./metrics/distribution.ts";
export type { ClassSummary, FleetSummary, PoolSummary, RunSummary } from "./metrics/run-summary.ts";
export { runSummarySchema } from "./metrics/run-summary.ts";
export type { ReplicaHardware } from "./metrics/scope.ts";
export type { RunFacts } from "./metrics/summarise.ts";
export { summarise } from "./metrics/summarise.ts";
export type { ModelArchitecture } from "./model/architecture.ts";
export { catalogueModelIds, modelNamed } from "./model/catalogue.ts";
export { importHuggingFaceConfig } from "./model/import-config.ts";
export type { FleetLink, FleetNetwork } from "./network/fleet-network.ts";
export type { Device, Topology } from "./network/topology.ts";
export { generateWorkload, ignoredFields } from "./scenario/generate-workload.ts";
export type { Override } from "./scenario/layers.ts";
export { formatPath, parseOverride, parsePath } from "./scenario/layers.ts";
export type { LoadedScenario, LoadOptions } from "./scenario/load.ts";
export { loadScenario, scenarioJsonSchema } from "./scenario/load.ts";
export { publishedScenarioSchema } from "./scenario/published-schema.ts";
export type { ResolvedScenario, ScenarioParts } from "./scenario/resolve.ts";
export { resolveScenario } from "./scenario/resolve.ts";
export { resolveNetwork } from "./scenario/resolve-network.ts";
export type { Scenario, ScenarioPool } from "./scenario/schema.ts";
export type { JsonSchema } from "./scenario/schema-fields.ts";
export { fieldAt, fieldsOf } from "./scenario/schema-fields.ts";
export type { DisaggregationInput } from "./simulate/disaggregation-input.ts";
export type { PoolInput, SimulationControl, SimulationInput } from "./simulate/input.ts";
export type {
  DisaggregationColumns,
  ItlHistogram,
  ReplicaSummary,
  RequestColumns,
  Series,
  SimulationResult,
} from "./simulate/result.ts";
export { Outcome } from "./simulate/result.ts";
export { simulate } from "./simulate/simulate.ts";
export type { TraceFormat } from "./workload/formats/format.ts";
export { traceFormats } from "./workload/formats/index.ts";
export type { InferencePerfConfig, SyntheticSpec } from "./workload/generator-schema.ts";
export { inferencePerfSchema, syntheticSchema } from "./workload/generator-schema.ts";
export { generateInferencePerf } from "./workload/generators/inference-perf.ts";
export { ignoredInferencePerfKeys } from "./workload/generators/inference-perf-schema.ts";
export { parseServeGenClient, type ServeGenClient, serveGenWorkload } from "./workload/generators/servegen.ts";
export { generateSynthetic } from "./workload/generators/synthetic.ts";
export { type PodPolicy, podHits, singleCacheHits } from "./workload/prefix-cache-facts.ts";
export { sampleTrace, type TraceSample } from "./workload/sample.ts";
export { suggestedJitterUs, type TraceInfo, type TraceInfoOptions, traceInfo } from "./workload/trace-info.ts";
export {
  createTraceReader,
  type TraceReader,
  type TraceReaderOptions,
} from "./workload/trace-reader.ts";
export type { ColumnUse, TraceTable } from "./workload/trace-rows.ts";
export {
  type TraceWorkload,
  type TraceWorkloadOptions,
  workloadFromTrace,
} from "./workload/trace-workload.ts";
export { createTraceWriter, type TraceWriter, traceWriterNames } from "./workload/trace-writer.ts";
export { type TraceTransform, transformTrace } from "./workload/transform.ts";
export type { PromptSegments, Workload, WorkloadClass, WorkloadStage } from "./workload/workload.ts";
