import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import fc from "fast-check";
import type { SimulationControl, SimulationInput } from "../../src/simulate/input.ts";
import type { SimulationResult } from "../../src/simulate/result.ts";
import { simulate } from "../../src/simulate/simulate.ts";
import type { Workload, WorkloadStage } from "../../src/workload/workload.ts";
import { bentStepTime } from "./bent-step-time.ts";
import { profile } from "./drive-engine.ts";
import { randomAdapters, servingAdapters } from "./random-adapters.ts";
import { randomWorkload } from "./random-workload.ts";

/** Router presets that between them read every signal there is. */
const PRESETS = ["least-connections", "optimized-baseline", "precise-prefix-cache", "random", "round-robin"] as const;

/** Prefers pods that run the request's adapter, as of their last scrape. */
const BY_ADAPTER = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: lora-affinity-scorer
- type: queue-scorer
schedulingProfiles:
- name: default
  plugins:
  - { pluginRef: lora-affinity-scorer, weight: 2 }
  - { pluginRef: queue-scorer }
`;

/** How rows are sent: at their own times, when an earlier one has ended, in stages, or by a bounded client. */
const sending = fc.record({
  sessions: fc.boolean(),
  releasedBy: fc.array(fc.integer({ min: -3, max: 30 }), { minLength: 40, maxLength: 40 }),
  stages: fc.constantFrom("none", "none", "open", "closed", "bounded"),
  mostInFlight: fc.integer({ min: 1, max: 6 }),
  startDelayUs: fc.integer({ min: 0, max: 20_000 }),
});

type Sending = typeof sending extends fc.Arbitrary<infer Value> ? Value : never;

function sent(workload: Workload, how: Sending): Workload {
  const { count } = workload;
  const cut = how.stages === "none" ? count : Math.ceil(count / 2);
  const arrivalUs = workload.arrivalUs.slice();
  // Times of the second stage count from its start.
  const baseUs = cut < count ? arrivalUs[cut]! : 0;
  for (let row = cut; row < count; row++) arrivalUs[row]! -= baseUs;
  const stage = (name: string, firstRow: number, rows: number): WorkloadStage => ({
    ...{ name, firstRow, rows, startDelayUs: how.startDelayUs },
    ...(how.stages === "closed" ? { concurrency: how.mostInFlight } : {}),
    ...(how.stages === "bounded" ? { maxInFlight: how.mostInFlight } : {}),
  });
  const releasedBy = Int32Array.from({ length: count }, (_, row) => {
    const first = row < cut ? 0 : cut;
    const by = how.releasedBy[row % 40]!;
    return how.sessions && by >= 0 && row > first ? first + (by % (row - first)) : -1;
  });
  for (let row = 0; row < count; row++) if (releasedBy[row] !== -1) arrivalUs[row] = (row * 997) % 30_000;
  return {
    ...workload,
    arrivalUs,
    ...(how.sessions ? { releasedBy } : {}),
    ...(how.stages === "none"
      ? {}
      : { stages: [stage("first", 0, cut), ...(cut < count ? [stage("second", cut, count - cut)] : [])] }),
  };
}

/** Small fleets of two pools of unlike speed under a router preset, with prompts that share and KV memory that is short. */
export const randomFleet: fc.Arbitrary<SimulationInput> = fc
  .record({
    workload: randomWorkload(40, 300),
    how: sending,
    preset: fc.constantFrom(...PRESETS, "adapters"),
    lora: fc.option(randomAdapters, { nil: undefined }),
    replicas: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 })),
    lockstepRanks: fc.constantFrom(undefined, undefined, undefined, 1, 2, 4),
    spareBlocks: fc.integer({ min: 0, max: 60 }),
    rules: fc.constantFrom({}, {}, { scheduler: "sglang" as const }),
    maxNumSeqs: fc.constantFrom(1, 3, 8),
    maxNumBatchedTokens: fc.constantFrom(64, 1000),
    requestOverheadUs: fc.constantFrom(0, 700),
    scrapeIntervalUs: fc.constantFrom(900, 5_000, 50_000),
    kvEventDelayUs: fc.constantFrom(0, 1_000, 9_000),
    seed: fc.nat(1000),
  })
  .map((given) => {
    const workload = sent(given.workload, given.how);
    const most = Math.max(...workload.promptTokens.map((tokens, row) => tokens + workload.outputTokens[row]!));
    const pool = (name: string, replicas: number, baseUs: number, lockstepRanks?: number) => ({
      name,
      replicas: replicas * (lockstepRanks ?? 1),
      ...(lockstepRanks === undefined ? {} : { lockstepRanks }),
      profile: profile({ ...given, ...given.rules, blockSizeTokens: 16 }),
      stepTime: { ...bentStepTime(baseUs, 7.3, 0.11), sharedUs: (tokens: number) => 17.3 + 1.9 * tokens },
      numGpuBlocks: Math.ceil(most / 16) + 1 + given.spareBlocks,
      labels: {},
    });
    const input = {
      workload,
      pools: [pool("quick", given.replicas[0], 321.7, given.lockstepRanks), pool("slow", given.replicas[1], 1_234.5)],
      router: loadEndpointPickerConfig(presetText(given.preset) ?? BY_ADAPTER, { file: given.preset }),
      modelName: "model",
      seed: given.seed,
      scrapeIntervalUs: given.scrapeIntervalUs,
      kvEventDelayUs: given.kvEventDelayUs,
    };
    // Adapters are served by vLLM's rules only.
    return servingAdapters(input, "scheduler" in given.rules ? undefined : given.lora);
  });

/** Looks at `shouldStop`, some thousands of events apart, after which a small run has gone astray. */
const MOST_LOOKS = 100;

/** Runs a small scenario, and throws where it goes on for ever, so that a test fails and does not hang. */
export function simulateSmall(input: SimulationInput, control: SimulationControl = {}): SimulationResult {
  let looks = 0;
  const shouldStop = (): boolean => {
    if (++looks > MOST_LOOKS) throw new Error("the run goes on for ever");
    return false;
  };
  return simulate(input, { shouldStop, ...control });
}
