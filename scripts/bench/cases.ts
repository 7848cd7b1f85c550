import { type SimulationInput, type SimulationResult, simulate } from "@windtunnel/sim-core";
import { conversations, fleet, loadOnly, twoPoolFleet } from "./fleets.ts";

/** What a fresh process measured of one simulation. */
export interface CaseResult {
  readonly requests: number;
  /** Wall time of `simulate`, in milliseconds; generation and loading are outside. */
  readonly simulateMs: number;
  readonly nsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly steps: number;
  readonly stepsPerSecond: number;
  readonly events: number;
  readonly prefixHitFraction: number;
  readonly utilisationFraction: number;
  readonly peakRssBytes: number;
}

export type CaseName = "load-only" | "scorers" | "sessions" | "two-pools" | "two-pools-tiers";

/** Queue, KV and prefix scorers on requests that share nothing: what plugin scoring costs. */
const SCORERS = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: running-requests-size-scorer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
    weight: 2
  - pluginRef: kv-cache-utilization-scorer
    weight: 2
  - pluginRef: running-requests-size-scorer
`;

export interface CaseSpec {
  readonly name: CaseName;
  readonly pods: number;
  readonly requests: number;
  readonly ratePerPod: number;
  readonly outputMean?: number;
}

/** The input of a case. */
export function inputOf({ name, pods, requests, ratePerPod, outputMean }: CaseSpec): SimulationInput {
  const rate = pods * ratePerPod;
  if (name === "sessions") return fleet(pods, "optimized-baseline", conversations(requests, rate));
  if (name === "two-pools" || name === "two-pools-tiers") {
    return twoPoolFleet(pods, name === "two-pools-tiers", loadOnly(requests, rate, outputMean));
  }
  const policy = name === "scorers" ? SCORERS : "least-connections";
  return fleet(pods, policy, loadOnly(requests, rate, outputMean), { enablePrefixCaching: false });
}

/** Runs a case once and measures it. */
export function runCase(spec: CaseSpec): CaseResult {
  const input = inputOf(spec);
  const started = performance.now();
  const result = simulate(input);
  return measured(result, performance.now() - started);
}

/** The figures of a run that took `simulateMs`. */
export function measured(result: SimulationResult, simulateMs: number): CaseResult {
  const requests = result.requests.count;
  const total = (of: (replica: SimulationResult["replicas"][number]) => number): number =>
    result.replicas.reduce((sum, replica) => sum + of(replica), 0);
  const steps = total(({ steps }) => steps);
  return {
    requests,
    simulateMs,
    nsPerRequest: (simulateMs * 1e6) / requests,
    requestsPerSecond: requests / (simulateMs / 1000),
    steps,
    stepsPerSecond: steps / (simulateMs / 1000),
    events: result.events,
    prefixHitFraction: total(({ cachedTokens }) => cachedTokens) / total(({ promptTokens }) => promptTokens),
    utilisationFraction: total(({ busyUs }) => busyUs) / (result.endUs * result.replicas.length),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

/** Requests a second and pod that the fleet finishes when far more arrive: the middle three fifths of the finishes. */
export function saturatedRatePerPod(spec: Omit<CaseSpec, "ratePerPod">): number {
  const { requests } = simulate(inputOf({ ...spec, ratePerPod: spec.name === "sessions" ? 60 : 120 }));
  const finishes = requests.finishUs.filter((us) => !Number.isNaN(us)).sort();
  const from = Math.floor(finishes.length * 0.2);
  const to = Math.floor(finishes.length * 0.8);
  return (to - from) / ((finishes[to]! - finishes[from]!) / 1e6) / spec.pods;
}
