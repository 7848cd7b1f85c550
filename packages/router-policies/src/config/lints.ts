import { quoted } from "../errors.ts";
import type { ConfigWarning, SchedulingProfileSpec } from "./endpoint-picker-config.ts";
import type { PluginSet } from "./plugin-set.ts";

/** Pairs in one profile where the second undoes what the first does. */
const UNDOES = [
  {
    filter: "prefix-cache-affinity-filter",
    scorer: "prefix-cache-scorer",
    why: "once the filter opens for load, the scorer pulls requests back to the cached endpoints",
  },
] as const;

/** Warns of combinations that load but work against each other. */
export function lintProfiles(
  profiles: readonly SchedulingProfileSpec[],
  set: PluginSet,
  warnings: ConfigWarning[],
): void {
  for (const profile of profiles) {
    const plugins = profile.plugins.map(({ plugin, weight }) => ({ ...set.get(plugin)!, weight }));
    for (const { filter, scorer, why } of UNDOES) {
      const found = plugins.find(({ type, weight }) => type === scorer && weight > 0);
      if (found === undefined || !plugins.some(({ type }) => type === filter)) continue;
      const message = `profile ${quoted(profile.name)} has ${filter} and a weighted ${scorer}: ${why}`;
      warnings.push({ position: found.position, message });
    }
  }
}
