import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { windtunnel } from "../capture-terminal.ts";
import { root } from "../support/source-files.ts";

const guides = join(process.env.WINDTUNNEL_DATA ?? join(root, "..", "shared"), "epp-configs", "guides");
const absent = !existsSync(guides);

/** Scenarios of guides, the preset of each, and the values file that llm-d gives for it. */
const GUIDES = [
  ["guide-optimized-baseline", "optimized-baseline", "optimized-baseline.values.yaml"],
  ["guide-pd-disaggregation", "pd-disaggregation", "pd-disaggregation.values.yaml"],
  ["guide-tiered-prefix-cache", "tiered-prefix-cache", "tiered-prefix-cache-cpu.values.yaml"],
] as const;

async function fleetOf(scenario: string, policy: string, ...more: string[]): Promise<unknown> {
  const file = join(root, "scenarios", `${scenario}.yaml`);
  const ran = await windtunnel(["run", "-f", file, "--policy", policy, "-o", "json", "--quiet", ...more]);
  expect(ran.code, ran.err).toBe(0);
  return JSON.parse(ran.out).fleet;
}

const title = `llm-d's guides from their own values files${absent ? " (skipped: WINDTUNNEL_DATA has no epp-configs)" : ""}`;
describe.skipIf(absent)(title, () => {
  test.each(GUIDES)("%s: the same as the preset", { timeout: 60_000 }, async (scenario, preset, values) => {
    expect(await fleetOf(scenario, join(guides, values))).toEqual(await fleetOf(scenario, preset));
  });

  // The guide's index has blocks of 64 tokens, and so must its engines.
  test("guide-precise-prefix-cache-routing completes", { timeout: 60_000 }, async () => {
    const values = join(guides, "precise-prefix-cache-routing.values.yaml");
    const blocks = "spec.pools[0].engine.blockSizeTokens=64";
    const fleet = await fleetOf("guide-precise-prefix-cache-routing", values, "--set", blocks);
    expect(fleet).toMatchObject({ requests: { total: 3980, completed: 3980, rejected: 0 } });
    expect((fleet as { readonly prefixHitFraction: number }).prefixHitFraction).toBeGreaterThan(0.85);
  });
});
