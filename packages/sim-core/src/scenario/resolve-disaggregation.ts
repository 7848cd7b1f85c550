import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import { ScenarioError } from "../errors.ts";
import type { ModelArchitecture } from "../model/architecture.ts";
import { meanTokenBytesPerGpu, stateBytesPerSequencePerGpu } from "../model/kv-cache-size.ts";
import { embeddingBytesPerToken } from "../model/vision-encoder.ts";
import type { DisaggregationInput } from "../simulate/disaggregation-input.ts";
import type { Workload } from "../workload/workload.ts";
import { disaggregationSchema, type ScenarioDisaggregation } from "./disaggregation-schema.ts";
import type { LoadedScenario } from "./load.ts";
import type { ResolvedPool } from "./resolve-pool.ts";

const ROLE = "llm-d.ai/role";
const PREFILLS: readonly (string | undefined)[] = [
  ...["prefill", "encode-prefill", "prefill-decode", "both", "encode-prefill-decode"],
];
const DECODES: readonly (string | undefined)[] = [
  ...["decode", "prefill-decode", "both", "encode-prefill-decode"],
  // A pod without a role is one that decodes, as llm-d's decode-filter has it.
  undefined,
];

const HANDLERS = ["disagg-profile-handler", "pd-profile-handler"];

/** The scenario's own settings, or the defaults where only its router says that there are several stages. */
export function disaggregationOf(
  given: ScenarioDisaggregation | undefined,
  router: EndpointPickerConfig,
): ScenarioDisaggregation | undefined {
  if (given !== undefined) return given;
  return router.plugins.some(({ type }) => HANDLERS.includes(type)) ? disaggregationSchema.parse({}) : undefined;
}

/**
 * How the pods of a scenario work together. Devices and layouts may differ from pool to pool; blocks may not.
 *
 * @throws ScenarioError for pools whose blocks do not fit into each other
 */
export function resolveDisaggregation(
  loaded: LoadedScenario,
  given: ScenarioDisaggregation,
  pools: readonly ResolvedPool[],
  { model, workload }: { readonly model: ModelArchitecture; readonly workload: Workload },
): DisaggregationInput {
  const roles = pools.map(({ input }) => input.labels[ROLE]);
  const taking = [...pools.keys()].filter((at) => PREFILLS.includes(roles[at]) || DECODES.includes(roles[at]));
  const first = pools[taking[0] ?? 0]!;
  for (const at of taking) {
    const pool = pools[at]!;
    checkAlike(loaded, at, "blockSizeTokens", first, pool, (p) => p.profile.blockSizeTokens);
    checkAlike(loaded, at, "kvCacheDtype", first, pool, (p) => p.kvCacheDtype);
  }
  const cached = { ...model, states: [] };
  const { transfer, perLayerOverlap, setUp, sidecarLeg, prefillRetryBackoff, holdTimeout, ...rest } = given;
  return {
    ...rest,
    transfer,
    overlapLayers: perLayerOverlap ? model.layers : 1,
    // Windows are sent too; a pool has a length to count them by only where the model has them.
    kvBytesPerToken: meanTokenBytesPerGpu(cached, 1, first.kvCacheDtype, first.sizingContextTokens ?? 1),
    stateBytes: stateBytesPerSequencePerGpu(model, 1),
    ...(workload.items === undefined ? {} : { embeddingBytesPerToken: embeddingBytesPerToken(model) }),
    setUpUs: setUp,
    sidecarLegUs: sidecarLeg,
    prefillRetryBackoffUs: prefillRetryBackoff,
    holdTimeoutUs: holdTimeout,
  };
}

function checkAlike(
  loaded: LoadedScenario,
  at: number,
  field: "blockSizeTokens" | "kvCacheDtype",
  first: ResolvedPool,
  pool: ResolvedPool,
  value: (pool: ResolvedPool) => string | number,
): void {
  if (value(pool) === value(first)) return;
  throw new ScenarioError(
    `${loaded.place(["spec", "pools", at, "engine", field])}: ${field} ${value(pool)} of pool "${pool.input.name}" is not ` +
      `that of pool "${first.input.name}", ${value(first)}; pods can only take KV blocks of their own kind over`,
  );
}
