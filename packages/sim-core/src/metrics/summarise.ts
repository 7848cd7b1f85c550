import type { SimulationInput } from "../simulate/input.ts";
import type { AdapterLoads, RequestColumns, SimulationResult } from "../simulate/result.ts";
import type { TierResults, TierSummary } from "../tiers/tier-results.ts";
import type { WorkloadClass } from "../workload/workload.ts";
import type { LatencyMetric, ScalarField, ScalarMetric } from "./definitions.ts";
import {
  ENCODE_METRIC,
  GAP_METRIC,
  HARDWARE_SCALARS,
  LATENCY_METRICS,
  LEG_METRICS,
  REQUEST_SCALARS,
  TIER_METRICS,
} from "./definitions.ts";
import type { Distribution } from "./distribution.ts";
import { distributionOf, distributionOfHistogram } from "./distribution.ts";
import { LORA_METRICS } from "./lora-metrics.ts";
import type { ClassSummary, FleetSummary, PoolSummary, RunSummary } from "./run-summary.ts";
import type { ReplicaHardware, ScopeTotals } from "./scope.ts";
import { addRow, emptyTotals, spanUs } from "./scope.ts";

/** What a summary says of a run besides its results. */
export interface RunFacts {
  readonly version: string;
  readonly scenario: string;
  readonly policy: string;
  readonly inputs: readonly { readonly path: string; readonly sha256: string }[];
  readonly input: Pick<SimulationInput, "workload" | "pools" | "seed">;
  /** Of one replica of each pool, in the pools' order. */
  readonly hardware: readonly (ReplicaHardware & { readonly accelerator: string })[];
}

/** The fleet, or the pool or class with this index. */
type Membership = (row: number) => boolean;

/** Summarises a run: the fleet, each pool, each class. */
export function summarise(facts: RunFacts, result: SimulationResult): RunSummary {
  const span = spanUs(result.requests, result.stopped, result.endUs);
  const { fleet, pools, classes } = totalsOf(facts, result, span);
  const scratch = new Float64Array(result.requests.count);
  const poolOf = poolOfReplica(facts);
  const classOf = facts.input.workload.classOf;
  const single = facts.input.pools.length === 1 && pools[0]!.outcomes.total === fleet.outcomes.total;
  const fleetBlock = requestBlock(result.requests, fleet, () => true, scratch);
  const itl = distributionOfHistogram(result.itl, fleet.gaps > 0 ? fleet.decodeUs / fleet.gaps : Number.NaN);
  if (itl.count === 0) fleetBlock.missing["latency.itl"] = GAP_METRIC.noData;
  return {
    $schema: "https://windtunnel.dev/schemas/v1alpha1/RunSummary.json",
    apiVersion: "windtunnel.dev/v1alpha1",
    kind: "RunSummary",
    version: facts.version,
    simulated: true,
    scenario: facts.scenario,
    policy: facts.policy,
    seed: facts.input.seed,
    partial: result.stopped,
    inputs: facts.inputs.map(({ path, sha256 }) => ({ path, sha256 })),
    spanSeconds: span / 1e6,
    fleet: withAdapters(
      withTiers(
        withLegs(
          withEncode(withHardware({ ...fleetBlock, latency: { ...fleetBlock.latency, itl } }, fleet), result, scratch),
          result.requests,
          scratch,
        ),
        fleet,
        result,
        scratch,
      ),
      result,
      scratch,
    ),
    pools: facts.input.pools.map((pool, index): PoolSummary => {
      const block = single
        ? { ...fleetBlock, missing: { ...fleetBlock.missing } }
        : requestBlock(
            result.requests,
            pools[index]!,
            (row) => poolOf[result.requests.replica[row]!] === index,
            scratch,
          );
      delete block.missing["latency.itl"];
      const { name } = pool;
      const { accelerator } = facts.hardware[index]!;
      return {
        name,
        accelerator,
        ...withHardware(block, pools[index]!),
        ...workFor(name, result),
        ...adaptersOf(name, result),
      };
    }),
    classes: (facts.input.workload.classes ?? []).map(
      ({ name }, index): ClassSummary => ({
        name,
        ...requestBlock(result.requests, classes[index]!, (row) => (classOf?.[row] ?? 0) === index, scratch),
      }),
    ),
  };
}

/** With what only a fleet has whose pods may prefill for one another. */
function withLegs(fleet: FleetSummary, requests: RequestColumns, scratch: Float64Array): FleetSummary {
  const legs = requests.disaggregation;
  if (legs === undefined) return fleet;
  const [remotePrefill, kvTransfer] = LEG_METRICS.map((metric) => {
    const count = gather(requests, metric, () => true, scratch);
    if (count === 0) fleet.missing[`latency.${metric.field}`] = metric.noData;
    return distributionOf(scratch, count);
  }) as [Distribution, Distribution];
  return {
    ...fleet,
    latency: { ...fleet.latency, remotePrefill, kvTransfer },
    disaggregation: {
      prefilledElsewhere: kvTransfer.count,
      transferredBytes: sumOf(legs.transferredBytes),
      prefillFailures: sumOf(legs.prefillFailures),
      holdTimeouts: sumOf(legs.holdTimeouts),
    },
  };
}

/** With what only a fleet has whose pods may encode for one another. */
function withEncode(fleet: FleetSummary, result: SimulationResult, scratch: Float64Array): FleetSummary {
  const { encode } = result.requests;
  if (encode === undefined) return fleet;
  const count = gather(result.requests, ENCODE_METRIC, () => true, scratch);
  if (count === 0) fleet.missing[`latency.${ENCODE_METRIC.field}`] = ENCODE_METRIC.noData;
  return {
    ...fleet,
    latency: { ...fleet.latency, remoteEncode: distributionOf(scratch, count) },
    encode: {
      encodedElsewhere: count,
      items: sumOf(result.replicas.map(({ encodedForOthers = 0 }) => encodedForOthers)),
      embeddingsBytes: sumOf(encode.embeddingsBytes),
    },
  };
}

/** Items that a pool encoded and prompts that it computed for other pods; only where pods may do that. */
function workFor(pool: string, { requests, replicas }: SimulationResult) {
  const own = replicas.filter((replica) => replica.pool === pool);
  return {
    ...(requests.encode && { encodedForOthers: sumOf(own.map(({ encodedForOthers = 0 }) => encodedForOthers)) }),
    ...(requests.disaggregation && {
      prefilledForOthers: sumOf(own.map(({ prefilledForOthers = 0 }) => prefilledForOthers)),
    }),
  };
}

/** With what only a fleet has whose pools have tiers below HBM. */
function withTiers(
  fleet: FleetSummary,
  totals: ScopeTotals,
  { requests, kvTiers }: SimulationResult,
  scratch: Float64Array,
): FleetSummary {
  const { tiers } = requests;
  if (tiers === undefined || kvTiers === undefined) return fleet;
  const loads = gather(requests, TIER_METRICS.kvLoad, () => true, scratch);
  if (loads === 0) fleet.missing["latency.kvLoad"] = TIER_METRICS.kvLoad.noData;
  const { tierHitFraction = null } = scalars([TIER_METRICS.tierHit], totals, fleet.missing);
  const names = [...new Set(kvTiers.tiers.map(({ tier }) => tier))];
  return {
    ...fleet,
    latency: { ...fleet.latency, kvLoad: distributionOf(scratch, loads) },
    tiers: {
      tierHitFraction,
      hitTokens: Object.fromEntries(tiers.sources.map((source, at) => [source, sumOf(tiers.hitTokens[at]!)])),
      loadedBytes: sumOf(tiers.loadedBytes),
      byTier: Object.fromEntries(names.map((name) => [name, tierTotals(kvTiers, name)])),
    },
  };
}

/** With what only a fleet has whose pools serve LoRA adapters. */
function withAdapters(
  fleet: FleetSummary,
  { requests, replicas }: SimulationResult,
  scratch: Float64Array,
): FleetSummary {
  const { lora } = requests;
  if (lora === undefined) return fleet;
  const [slotWait, adapterLoad] = LORA_METRICS.map((metric) => {
    const count = gather(requests, metric, () => true, scratch);
    if (count === 0) fleet.missing[`latency.${metric.field}`] = metric.noData;
    return distributionOf(scratch, count);
  }) as [Distribution, Distribution];
  const count = (of: ArrayLike<number>, counts: (value: number) => boolean) => Array.from(of).filter(counts).length;
  return {
    ...fleet,
    latency: { ...fleet.latency, slotWait, adapterLoad },
    adapters: {
      requests: count(lora.adapterOf, (adapter) => adapter >= 0),
      passedOver: count(lora.skippedUs, (us) => !Number.isNaN(us)),
      ...adapterLoads(replicas),
    },
  };
}

function adapterLoads(replicas: SimulationResult["replicas"]) {
  const total = (field: keyof AdapterLoads) => sumOf(replicas.map(({ adapterLoads }) => adapterLoads?.[field] ?? 0));
  return { fromHost: total("fromHost"), fromStorage: total("fromStorage"), waitSeconds: total("waitUs") / 1e6 };
}

/** Adapters that a pool put into slots; only where it serves some. */
function adaptersOf(pool: string, { replicas }: SimulationResult) {
  const own = replicas.filter((replica) => replica.pool === pool && replica.adapterLoads !== undefined);
  return own.length === 0 ? {} : { adapters: adapterLoads(own) };
}

function tierTotals({ tiers }: TierResults, name: string) {
  const alike = tiers.filter(({ tier }) => tier === name);
  const total = (field: Exclude<keyof TierSummary, "tier" | "of">) => sumOf(alike.map((tier) => tier[field]));
  return {
    instances: alike.length,
    capacityBlocks: total("capacityBlocks"),
    usedBlocks: total("usedBlocks"),
    storedBlocks: total("storedBlocks"),
    evictedBlocks: total("evictedBlocks"),
    readBytes: total("readBytes"),
    writtenBytes: total("writtenBytes"),
  };
}

function sumOf(values: ArrayLike<number>): number {
  let total = 0;
  for (let at = 0; at < values.length; at++) total += values[at]!;
  return total;
}

function poolOfReplica(facts: RunFacts): number[] {
  return facts.input.pools.flatMap((pool, index) => Array.from({ length: pool.replicas }, () => index));
}

function totalsOf(facts: RunFacts, result: SimulationResult, span: number) {
  const { workload, pools: poolInputs } = facts.input;
  const classFacts: readonly WorkloadClass[] = workload.classes ?? [];
  const fleet = emptyTotals(span);
  const pools = poolInputs.map(() => emptyTotals(span));
  const classes = classFacts.map(() => emptyTotals(span));
  const poolOf = poolOfReplica(facts);
  const { requests, replicas } = result;
  for (let row = 0; row < requests.count; row++) {
    const classIndex = workload.classOf?.[row] ?? 0;
    const slo = classFacts[classIndex];
    addRow(fleet, requests, row, slo);
    const pool = pools[poolOf[requests.replica[row]!] ?? -1];
    if (pool) addRow(pool, requests, row, slo);
    if (slo) addRow(classes[classIndex]!, requests, row, slo);
  }
  for (const [replica, { busyUs }] of replicas.entries()) {
    const pool = poolOf[replica] ?? -1;
    const hardware = facts.hardware[pool];
    if (hardware === undefined) continue;
    for (const totals of [fleet, pools[pool]!]) {
      totals.replicas++;
      totals.busyUs += busyUs;
      totals.accelerators.push({ ...hardware, busyUs });
    }
  }
  return { fleet, pools, classes };
}

function requestBlock(requests: RequestColumns, totals: ScopeTotals, member: Membership, scratch: Float64Array) {
  const missing: Record<string, string> = {};
  const latency = (metric: LatencyMetric): Distribution => {
    const count = gather(requests, metric, member, scratch);
    if (count === 0) missing[`latency.${metric.field}`] = metric.noData;
    return distributionOf(scratch, count);
  };
  const [ttft, tpot, ntpot, e2e, queueTime] = LATENCY_METRICS.map(latency) as FiveOf<Distribution>;
  return {
    requests: totals.outcomes,
    latency: { ttft, tpot, ntpot, e2e, queueTime },
    ...(scalars(REQUEST_SCALARS, totals, missing) as RequestScalars),
    promptTokens: totals.promptTokens,
    outputTokens: totals.outputTokens,
    prefixHitTokens: totals.prefixHitTokens,
    preemptions: totals.preemptions,
    missing,
  };
}

type FiveOf<T> = [T, T, T, T, T];
type Scalars<Field extends ScalarField> = { [F in Field]: number | null };
type HardwareScalarField =
  | "utilisationFraction"
  | "costUsd"
  | "costPerMillionTokensUsd"
  | "costPerMillionOutputTokensUsd"
  | "energyJoules"
  | "energyJoulesPerToken";
type RequestScalars = Scalars<Exclude<ScalarField, HardwareScalarField | "tierHitFraction">>;

function withHardware<Block extends { missing: Record<string, string> }>(block: Block, totals: ScopeTotals) {
  const { missing } = block;
  const values = scalars(HARDWARE_SCALARS, totals, missing) as Scalars<HardwareScalarField>;
  return { ...block, replicas: totals.replicas, ...values };
}

function scalars(metrics: readonly ScalarMetric[], totals: ScopeTotals, missing: Record<string, string>) {
  const values: Partial<Record<ScalarField, number | null>> = {};
  for (const metric of metrics) {
    const value = metric.compute(totals);
    values[metric.field] = Number.isFinite(value) ? value : null;
    if (!Number.isFinite(value)) missing[metric.field] = metric.noData;
  }
  return values;
}

/** Puts the values of a scope's rows that have one in `out`; returns how many. */
function gather(requests: RequestColumns, metric: LatencyMetric, member: Membership, out: Float64Array): number {
  let count = 0;
  for (let row = 0; row < requests.count; row++) {
    const value = metric.valueUs(requests, row);
    if (Number.isNaN(value) || !member(row)) continue;
    out[count++] = value;
  }
  return count;
}
