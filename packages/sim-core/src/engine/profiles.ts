import { didYouMean, ScenarioError } from "../errors.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import type { EngineMemory, EngineVersion } from "./engine-version.ts";
import type { EngineProfile } from "./profile.ts";
import { sglang05 } from "./profiles/sglang-0.5.ts";
import { trtllm10 } from "./profiles/trtllm-1.0.ts";
import { vllm010 } from "./profiles/vllm-0.10.ts";
import { vllm012 } from "./profiles/vllm-0.12.ts";
import { vllm019 } from "./profiles/vllm-0.19.ts";

/** Every engine version; the first is the default. */
export const ENGINE_VERSIONS: readonly EngineVersion[] = [vllm019, vllm012, vllm010, sglang05, trtllm10];

function versionNamed(name: string): EngineVersion {
  const version = ENGINE_VERSIONS.find((known) => known.name === name);
  if (version !== undefined) return version;
  const names = ENGINE_VERSIONS.map((known) => known.name);
  throw new ScenarioError(`unknown engine profile "${name}"${didYouMean(name, names)}; known: ${names.join(", ")}`);
}

/** Time of a step above its summed kernel times: a part of its own, and one for each sequence that gets a token. */
interface StepOverhead {
  readonly stepUs: number;
  readonly perSequenceUs: number;
}

/** An engine version's overhead, or the one that is given in its place. @throws ScenarioError on an unknown profile */
export function stepOverhead(profileName: string, givenUs: number | undefined): StepOverhead {
  const { stepOverheadUs, stepOverheadPerSequenceUs = 0 } = versionNamed(profileName);
  return givenUs === undefined
    ? { stepUs: stepOverheadUs, perSequenceUs: stepOverheadPerSequenceUs }
    : { stepUs: givenUs, perSequenceUs: 0 };
}

/** What an engine version keeps of a device's memory where nothing is said. @throws ScenarioError on an unknown profile */
export function engineMemory(profileName: string, accelerator: Accelerator): EngineMemory {
  return versionNamed(profileName).memory(accelerator);
}

/** Whether adapters are simulated under an engine version's rules. @throws ScenarioError on an unknown profile */
export function servesAdapters(profileName: string): boolean {
  return versionNamed(profileName).servesAdapters === true;
}

/**
 * The rules of an engine version with its defaults on a device.
 *
 * @throws ScenarioError on an unknown profile name
 */
export function engineProfile(
  name: string,
  accelerator: Accelerator,
  maxModelLenTokens: number,
  overrides: Partial<Omit<EngineProfile, "name" | "maxModelLenTokens">> = {},
): EngineProfile {
  const { settings, requestOverheadUs } = versionNamed(name);
  return { name, requestOverheadUs, ...settings(accelerator), ...overrides, maxModelLenTokens };
}
