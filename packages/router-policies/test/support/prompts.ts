import type { DataKey, Endpoint, InferenceRequest, PluginContext, ProfileResult } from "@windtunnel/router-policies";

/** A request whose prompts have the given block keys, whatever the block size. */
export function prompts(...keys: number[][]): InferenceRequest {
  return {
    id: "r",
    targetModel: "m",
    promptTokens: keys.reduce((sum, prompt) => sum + 64 * prompt.length, 0),
    promptCount: keys.length,
    priority: 0,
    fairnessId: "default-flow",
    header: () => undefined,
    promptKeys(_blockSizeTokens, _withPartialBlock, prompt = 0) {
      const lo = Int32Array.from(keys[prompt]!);
      return { length: lo.length, hi: new Int32Array(lo.length), lo };
    },
  };
}

/** A profile's result with these targets. */
export const chose = (profile: string, ...targets: Endpoint[]): ProfileResult => ({ profile, targets });

/** What a plugin is built with in a test: data by kind, and a stream that a test names. */
export function context(
  data: Partial<Record<DataKey["kind"], unknown>> = {},
  over: Partial<PluginContext> = {},
): PluginContext {
  return {
    name: "plugin",
    random: { next: () => 0 },
    strict: false,
    data: ((kind: DataKey["kind"]) => data[kind]) as PluginContext["data"],
    decider: () => {
      throw new Error("no deciders here");
    },
    peer: { endpoint: undefined },
    ...over,
  };
}
