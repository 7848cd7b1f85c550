// `npm run test:oracle`: ours beside upstream's Endpoint Picker, case by case. Writes docs/parity.md after a whole run.
// `--only a,b` runs some sections, `--cases N` takes another number of cases for each plugin, `--seed N` other cases;
// `--self` puts upstream's beside itself, which tells whether the oracle can be trusted.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GO_EPP_SKIP, goEpp, ourEpp } from "../support/epp-program.ts";
import { exitOnSignals } from "../support/exit-on-signals.ts";
import { CaseRandom } from "./case-random.ts";
import { parityPage } from "./parity-page.ts";
import type { Comparison } from "./section.ts";
import { sections } from "./sections.ts";

exitOnSignals();

const PAGE = join(import.meta.dirname, "..", "..", "..", "..", "docs", "parity.md");
const DEFAULT_CASES = "2000";

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    cases: { type: "string", default: DEFAULT_CASES },
    seed: { type: "string", default: "1" },
    self: { type: "boolean", default: false },
  },
});

const theirs = goEpp();
if (theirs === undefined) {
  process.stderr.write(`oracle: skipped, ${GO_EPP_SKIP}\n`);
  process.exit(0);
}
const unknown = options.only?.split(",").find((name) => !sections.some((section) => section.name === name));
if (unknown !== undefined) {
  const allowed = sections.map(({ name }) => name).join(", ");
  process.stderr.write(`oracle: unknown section "${unknown}", allowed: ${allowed}\n`);
  process.exit(2);
}

const comparisons: Comparison[] = [];
let broken = false;
for (const [index, section] of sections.entries()) {
  if (options.only !== undefined && !options.only.split(",").includes(section.name)) continue;
  const started = performance.now();
  try {
    const results = await section.run({
      programs: [options.self ? theirs : ourEpp(), theirs],
      // A stream for each section, so that one alone takes the cases that it takes in a whole run.
      random: new CaseRandom(Number(options.seed) * 1000 + index),
      cases: Number(options.cases),
      progress: (line) => process.stderr.write(`  ${line}\n`),
    });
    comparisons.push(...results);
  } catch (error) {
    broken = true;
    process.stderr.write(`${section.name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  process.stderr.write(`${section.name}: ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
}

for (const { subject, cases, differing, differences } of comparisons) {
  process.stdout.write(`${subject}: ${cases} cases, ${differing === 0 ? "equal" : `${differing} differ`}\n`);
  for (const difference of differences) process.stdout.write(`  ${difference}\n`);
}
const whole = options.only === undefined && options.cases === DEFAULT_CASES && !options.self && !broken;
if (whole) writeFileSync(PAGE, parityPage(comparisons));
process.exit(broken || comparisons.some(({ differing }) => differing > 0) ? 1 : 0);
