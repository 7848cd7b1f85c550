import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import { acceleratorNamed } from "../hardware/catalogue.ts";
import { formatBytes, formatDurationUs } from "../kernel/units.ts";
import type { ReplicaHardware } from "../metrics/scope.ts";
import type { ModelArchitecture } from "../model/architecture.ts";
import type { FleetNetwork } from "../network/fleet-network.ts";
import type { PoolInput, SimulationInput } from "../simulate/input.ts";
import type { PatienceInput } from "../simulate/patience.ts";
import type { Workload } from "../workload/workload.ts";
import { atPlace } from "./at-place.ts";
import { fillDefaults } from "./fill-defaults.ts";
import type { LoadedScenario } from "./load.ts";
import { scenarioJsonSchema } from "./load.ts";
import { disaggregationOf, resolveDisaggregation } from "./resolve-disaggregation.ts";
import { checkAdapters } from "./resolve-lora.ts";
import { resolveNetwork } from "./resolve-network.ts";
import type { ResolvedPool } from "./resolve-pool.ts";
import { resolvePool } from "./resolve-pool.ts";
import { checkSharedTiers } from "./resolve-tiers.ts";
import type { Scenario } from "./schema.ts";

/** What a scenario names and its host has read. */
export interface ScenarioParts {
  readonly workload: Workload;
  readonly model: ModelArchitecture;
  readonly router: EndpointPickerConfig;
}

/** A scenario ready to run. */
export interface ResolvedScenario {
  readonly input: SimulationInput;
  /** What one replica of each pool costs and draws, in the pools' order. */
  readonly hardware: readonly (ReplicaHardware & { readonly accelerator: string })[];
  /** Gives the fleet's links and where its replicas are; by replica, pool after pool. */
  readonly network: () => FleetNetwork;
  /** Gives the scenario again, as people write it, with every default and every derived value in force. */
  readonly document: () => object;
}

/**
 * Puts a scenario and what it names together.
 *
 * @throws ScenarioError for a pool that cannot be: unknown hardware, a model that does not fit
 */
export function resolveScenario(loaded: LoadedScenario, parts: ScenarioParts): ResolvedScenario {
  const { spec } = loaded.scenario;
  const workload = {
    meanSequenceTokens: meanSequenceTokens(parts.workload),
    hasItems: parts.workload.items !== undefined,
  };
  const pools = spec.pools.map((pool, index) => {
    const path = ["spec", "pools", index];
    atPlace(loaded, [...path, "accelerator"], () => acceleratorNamed(pool.accelerator));
    return atPlace(loaded, path, () => resolvePool(pool, parts.model, workload));
  });
  checkAdapters(loaded, parts.workload);
  // Worked out anyway where a topology is given, as it may not fit.
  const disaggregation = disaggregationOf(spec.disaggregation, parts.router);
  const tiered = pools.some(({ input }) => input.kvTiers !== undefined);
  if (tiered) checkSharedTiers(loaded);
  const network = spec.topology || disaggregation || tiered ? resolveNetwork(loaded) : undefined;
  const { series } = spec.observe;
  const record = recordedRows(spec.observe.decisions);
  return {
    input: {
      workload: withSlo(parts.workload, spec.workload.slo),
      pools: spec.topology && network ? withPlaces(pools, network) : pools.map(({ input }) => input),
      router: parts.router,
      modelName: spec.model,
      seed: spec.seed,
      scrapeIntervalUs: spec.signals.scrapeInterval,
      kvEventDelayUs: spec.signals.kvEventDelay,
      ...(spec.gateway ? { gateway: spec.gateway } : {}),
      ...patienceOf(spec.workload),
      ...(disaggregation ? { disaggregation: resolveDisaggregation(loaded, disaggregation, pools, parts) } : {}),
      ...((disaggregation || tiered) && network ? { network, places: placesOf(pools) } : {}),
      ...(series === "none" ? {} : { seriesIntervalUs: series }),
      ...(record ? { recordDecision: record } : {}),
    },
    hardware: pools.map(({ hardware }) => hardware),
    network: () => network ?? resolveNetwork(loaded),
    // Takes the JSON Schema of a scenario, which costs as much as reading one.
    document: () => resolvedDocument(loaded, pools, disaggregation !== undefined),
  };
}

/** The pools with the labels of where each replica is, beside their own, which win. */
function withPlaces(pools: readonly ResolvedPool[], network: FleetNetwork): PoolInput[] {
  let first = 0;
  return pools.map(({ input }) => {
    const replicaLabels = Array.from({ length: input.replicas }, (_, i) => ({
      ...network.labelsOf(first + i),
      ...input.labels,
    }));
    first += input.replicas;
    return { ...input, replicaLabels };
  });
}

function recordedRows(decisions: Scenario["spec"]["observe"]["decisions"]): ((row: number) => boolean) | undefined {
  if (decisions === "none") return undefined;
  if (decisions === "all") return () => true;
  if ("every" in decisions) return (row) => row % decisions.every === 0;
  const rows = new Set(decisions.rows);
  return (row) => rows.has(row);
}

function patienceOf(given: Scenario["spec"]["workload"]): { readonly patience?: PatienceInput } {
  const { clientTimeout, cancel } = given;
  if (clientTimeout === undefined && cancel === undefined) return {};
  return {
    patience: {
      ...(clientTimeout === undefined ? {} : { clientTimeoutUs: clientTimeout }),
      ...(cancel === undefined ? {} : { cancel: { fraction: cancel.fraction, afterUs: cancel.after } }),
    },
  };
}

/** The workload with the scenario's objectives on every class that has none of its own. */
function withSlo(workload: Workload, slo: Scenario["spec"]["workload"]["slo"]): Workload {
  if (slo === undefined) return workload;
  const fallback = {
    ...(slo.ttft === undefined ? {} : { ttftSloUs: slo.ttft }),
    ...(slo.tpot === undefined ? {} : { tpotSloUs: slo.tpot }),
  };
  const classes = workload.classes ?? [{ name: "default", priority: 0 }];
  const without = classes.map((entry) =>
    entry.ttftSloUs === undefined && entry.tpotSloUs === undefined ? { ...entry, ...fallback } : entry,
  );
  return { ...workload, classes: without };
}

/** Mean tokens of a sequence at its end, prompt and output, 1 or more. */
function meanSequenceTokens({ count, promptTokens, outputTokens }: Workload): number {
  let sum = 0;
  for (let row = 0; row < count; row++) sum += promptTokens[row]! + outputTokens[row]!;
  return Math.max(1, Math.round(sum / Math.max(1, count)));
}

function resolvedDocument(
  { scenario, written }: LoadedScenario,
  pools: readonly ResolvedPool[],
  disaggregated: boolean,
): object {
  const given = disaggregated ? withDisaggregation(written) : written;
  const document = fillDefaults(scenarioJsonSchema(), given, scenario) as {
    spec: { pools: Record<string, unknown>[] };
  };
  const resolved = document.spec.pools.map((pool, index) => {
    const { accelerator, profile, reserveBytes, gpuMemoryUtilization, numGpuBlocks, pricePerHourUsd } = pools[index]!;
    const { layout, quantization, kvCacheDtype, sizingContextTokens, lora } = pools[index]!;
    const { name: _name, scheduler: _scheduler, maxModelLenTokens, requestOverheadUs, ...limits } = profile;
    const { profile: profileName, speculative, encodePerItem, mmEncoderOnly } = scenario.spec.pools[index]!.engine;
    return {
      ...pool,
      accelerator: accelerator.id,
      tensorParallel: layout.tensor,
      parallelism: layout,
      pricePerHour: pricePerHourUsd,
      engine: {
        profile: profileName,
        ...limits,
        maxModelLen: maxModelLenTokens,
        gpuMemoryUtilization,
        reserve: formatBytes(reserveBytes, 4),
        numGpuBlocks,
        quantization,
        kvCacheDtype,
        ...(sizingContextTokens === undefined ? {} : { sizingContextTokens }),
        ...(speculative === undefined ? {} : { speculative }),
        ...(lora === undefined ? {} : { lora: lora.document }),
        ...(encodePerItem === undefined ? {} : { encodePerItem: formatDurationUs(encodePerItem) }),
        ...(mmEncoderOnly === undefined ? {} : { mmEncoderOnly }),
        requestOverhead: formatDurationUs(requestOverheadUs),
      },
    };
  });
  return { ...document, spec: { ...document.spec, pools: resolved } };
}

/** Ranks of data parallelism, each a replica to the router, are where their pod is. */
function placesOf(pools: readonly ResolvedPool[]): number[] {
  let first = 0;
  return pools.flatMap(({ input, layout }) => {
    const places = Array.from({ length: input.replicas }, (_, rank) => first + Math.floor(rank / layout.data));
    first += input.replicas / layout.data;
    return places;
  });
}

/** What was written, with the block of which every default holds although it was not. */
function withDisaggregation(written: unknown): unknown {
  const { spec, ...root } = written as { readonly spec: object };
  return { ...root, spec: { disaggregation: {}, ...spec } };
}
