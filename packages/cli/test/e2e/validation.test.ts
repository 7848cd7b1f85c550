import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { withParts } from "../../src/output/docs-tables.ts";
import { markdownTable } from "../../src/output/table.ts";
import { root } from "../support/source-files.ts";
import type { Attempt } from "../support/validation-cases.ts";
import { ATTEMPTS, publishedCases } from "../support/validation-cases.ts";

const folder = join(process.env.WINDTUNNEL_DATA ?? join(root, "..", "shared"), "validation");
const absent = !existsSync(folder);
const page = join(root, "docs", "accuracy.md");
const update = process.env.WINDTUNNEL_UPDATE_DOCS === "1";

/** What must hold whatever the calibration is. Others are reported. */
const MUST_HOLD: readonly (readonly [id: string, check: string])[] = [
  ["llmd-73capacity-qwen3-32b-8x2h100", "order of output tok/s at every rate>=35"],
  ["llmd-73capacity-qwen3-32b-8x2h100", "precise/random output ratio, mean over rates 40-60"],
  ["llmd-73capacity-qwen3-32b-8x2h100", "random/load collapse: TTFT p90 > 20 s from rate 20"],
  ["llmd-73capacity-qwen3-32b-8x2h100", "load is no better than random (cache-blind load balancing does not help)"],
  ["llmd-cpu-offload-45conc-qwen3-32b", "offload gain when it fits"],
  ["llmd-pd-gptoss120b-h200-8p2d", "E2E mean PD/aggregated"],
  ["llmd-pd-gptoss120b-h200-8p2d", "ITL mean PD/aggregated"],
  ["llmd-pd-gptoss120b-h200-8p2d", "TTFT mean PD >= aggregated (sign)"],
  ["llmd-pd-gptoss120b-h200-8p2d", "CPU tier changes nothing without reuse"],
  ["llmd-precise-guide-qwen3-32b-8x2h100", "RR knee (TTFT mean jumps >10x)"],
  ["llmd-precise-guide-qwen3-32b-8x2h100", "precise/RR at saturation (mean rates 40-60)"],
  ["llmd-tiered-qwen3-32b-8x2h100", "cpu arm TTFT mean at 20 rps < 3 s; hbm > 20 s"],
];

describe.skipIf(absent)(`published benchmarks${absent ? " (skipped: WINDTUNNEL_DATA has no validation)" : ""}`, () => {
  const cases = absent ? [] : publishedCases(folder);
  const attempts = new Map<string, Attempt>();

  for (const published of cases) {
    test(published.id, { timeout: 120_000 }, async () => {
      const attempt = await ATTEMPTS[published.id]!(published);
      expect(Object.keys(attempt).sort()).toEqual(published.checks.map(({ name }) => name).sort());
      attempts.set(published.id, attempt);
      for (const [, check] of MUST_HOLD.filter(([id]) => id === published.id)) {
        expect(attempt[check], check).toMatchObject({ holds: true });
      }
    });
  }

  test("what holds of them and what does not stands in docs/accuracy.md", () => {
    expect([...attempts.keys()]).toEqual(cases.map(({ id }) => id));
    const rows = cases.flatMap(({ id, checks }) =>
      checks.map(({ name, kind }) => {
        const found = attempts.get(id)![name]!;
        if (typeof found === "string") return [id, name, kind, "not tried", found];
        return [id, name, kind, found.holds ? "holds" : "does not hold", found.value];
      }),
    );
    const titles = ["case", "check", "kind", "here", "found, or why not tried"];
    const table = markdownTable({ columns: titles.map((title) => ({ title })), rows });
    const before = readFileSync(page, "utf8");
    const after = withParts(before, { validation: table });
    if (update) writeFileSync(page, after);
    else expect(before).toBe(after);
  });
});
