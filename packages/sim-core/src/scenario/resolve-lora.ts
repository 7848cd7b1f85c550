import type { LoraProfile } from "../engine/lora-profile.ts";
import { ENGINE_VERSIONS, servesAdapters } from "../engine/profiles.ts";
import { largestStageFraction } from "../engine/step-time/pipeline.ts";
import { ScenarioError } from "../errors.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import { formatBytes, formatDurationUs } from "../kernel/units.ts";
import { adapterBytes, adapterBytesPerGpu } from "../model/adapter-size.ts";
import type { ModelArchitecture } from "../model/architecture.ts";
import { HOST_LINK, HOST_LINK_FRACTION, NVME_LATENCY_US, NVME_READ } from "../network/link-defaults.ts";
import type { Workload } from "../workload/workload.ts";
import type { LoadedScenario } from "./load.ts";
import type { ScenarioLora } from "./lora-schema.ts";
import type { ParallelLayout } from "./parallelism.ts";

/** The adapters of a pool with everything that follows from model and hardware. */
export interface ResolvedLora {
  readonly profile: LoraProfile;
  /** Of all slots, on the fullest device. */
  readonly slotBytesPerGpu: number;
  /** What the scenario says of them again, every default in force. */
  readonly document: object;
}

/**
 * A slot takes a copy on each device over its own host link, at the part of it that copies reach. What storage gives is
 * read once, for all devices.
 */
export function resolveLora(
  given: ScenarioLora,
  model: ModelArchitecture,
  accelerator: Accelerator,
  layout: ParallelLayout,
): ResolvedLora {
  const { maxLoras, maxCpuLoras = maxLoras, maxLoraRank, rank = maxLoraRank, slowdown } = given;
  const devices = {
    tensor: layout.tensor,
    stageFraction: largestStageFraction(model.layers, layout.pipeline),
    data: layout.data,
  };
  const derivedBytes = adapterBytes(model, rank);
  const bytes = given.adapterSize ?? derivedBytes;
  const bytesPerGpu = adapterBytesPerGpu(model, rank, devices) * (bytes / derivedBytes);
  const hostLink = (accelerator.hostLinkBytesPerSecond ?? HOST_LINK).value * HOST_LINK_FRACTION.value;
  const loadUs = given.loadTime ?? Math.round((bytesPerGpu / hostLink) * 1e6);
  const fetchUs = given.fetchTime ?? Math.round(NVME_LATENCY_US + (bytes / NVME_READ.value) * 1e6);
  return {
    profile: { maxLoras, maxCpuLoras, loadUs, fetchUs, slowdown },
    slotBytesPerGpu: maxLoras * adapterBytesPerGpu(model, maxLoraRank, devices),
    document: {
      ...{ maxLoras, maxCpuLoras, maxLoraRank, rank, adapterSize: formatBytes(bytes, 4) },
      ...{ loadTime: formatDurationUs(loadUs), fetchTime: formatDurationUs(fetchUs), slowdown },
    },
  };
}

/**
 * Checks that who is asked for an adapter can serve it, by rules that are simulated.
 *
 * @throws ScenarioError for a pool that cannot
 */
export function checkAdapters(loaded: LoadedScenario, { adapters }: Workload): void {
  for (const [index, { name, engine }] of loaded.scenario.spec.pools.entries()) {
    if (engine.lora !== undefined) {
      if (servesAdapters(engine.profile)) continue;
      const known = ENGINE_VERSIONS.filter((version) => version.servesAdapters).map((version) => version.name);
      throw new ScenarioError(
        `${loaded.place(["spec", "pools", index, "engine", "lora"])}: LoRA adapters are not simulated under profile ` +
          `"${engine.profile}"; allowed: ${known.join(", ")}`,
      );
    }
    if (adapters === undefined) continue;
    throw new ScenarioError(
      `${loaded.place(["spec", "pools", index])}: the workload asks for ${adapters.length} LoRA adapters, and pool ` +
        `"${name}" serves none; it needs engine.lora, such as engine: {lora: {maxLoras: 4}}`,
    );
  }
}
