import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { windtunnel } from "../capture-terminal.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..", "..");
const scenarios = join(root, "scenarios");
const data = process.env.WINDTUNNEL_DATA ?? join(root, "..", "shared");
const update = process.env.WINDTUNNEL_UPDATE_GOLDEN === "1";

/** Four significant digits: enough to see a change of behaviour, too few to see another order of additions. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(4));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)]));
}

describe("every scenario gives the results that are on record", () => {
  for (const file of readdirSync(scenarios).filter((name) => name.endsWith(".yaml"))) {
    const path = join(scenarios, file);
    const needsData = readFileSync(path, "utf8").includes("WINDTUNNEL_DATA");
    const absent = needsData && !existsSync(join(data, "traces"));
    test.skipIf(absent)(`${file}${absent ? " (skipped: WINDTUNNEL_DATA has no traces)" : ""}`, async () => {
      const { code, out, err } = await windtunnel(["run", "-f", path, "-o", "json", "--quiet"], {
        env: { WINDTUNNEL_DATA: data },
      });
      expect([code, err]).toEqual([0, ""]);
      const { inputs: _inputs, version: _version, ...summary } = JSON.parse(out);
      const { total, completed, rejected, refusedTooLong, unfinished } = summary.fleet.requests;
      expect(completed + rejected + refusedTooLong + unfinished).toBe(total);
      const golden = join(here, file.replace(/\.yaml$/, ".json"));
      if (update) writeFileSync(golden, `${JSON.stringify(rounded(summary), null, 1)}\n`);
      expect(existsSync(golden), `${golden} is missing; WINDTUNNEL_UPDATE_GOLDEN=1 writes it`).toBe(true);
      expect(rounded(summary)).toEqual(JSON.parse(readFileSync(golden, "utf8")));
    });
  }
});
