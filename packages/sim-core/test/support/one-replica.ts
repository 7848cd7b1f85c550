import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import type { StepTimeModel } from "../../src/engine/step-time-model.ts";
import type { SimulationInput } from "../../src/simulate/input.ts";
import type { Workload } from "../../src/workload/workload.ts";
import { profile } from "./drive-engine.ts";

/** Every step takes the same time, whatever is in it. */
export function constantStep(us: number): StepTimeModel {
  const curve = { contextTokens: Float64Array.of(0, 1), timeUs: Float64Array.of(us, us) };
  return { decodeCurve: () => curve, mixedStepUs: () => us, floorUs: () => us };
}

/** A fleet of one pool under a preset, with limits far away unless given. */
export function onePool(
  workload: Workload,
  given: Partial<SimulationInput> & { readonly replicas?: number; readonly preset?: string } = {},
  engine: Parameters<typeof profile>[0] = {},
  stepTime: StepTimeModel = constantStep(1000),
  numGpuBlocks = 1_000_000,
): SimulationInput {
  const { replicas = 1, preset = "least-connections", ...rest } = given;
  return {
    workload,
    pools: [
      {
        name: "pool",
        replicas,
        profile: profile({ blockSizeTokens: 16, maxNumSeqs: 256, maxNumBatchedTokens: 8192, ...engine }),
        stepTime,
        numGpuBlocks,
        labels: {},
      },
    ],
    router: loadEndpointPickerConfig(presetText(preset) ?? "", { file: preset }),
    modelName: "model",
    seed: 1,
    scrapeIntervalUs: 50_000,
    kvEventDelayUs: 1000,
    ...rest,
  };
}
