// `npm run bench`: what the simulator costs, each figure beside a calibration loop of the same minute, as the machine's
// speed changes from one to the next. `--quick` takes a tenth of the requests; `--json FILE` writes the figures.
import { spawnSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { calibrationNs } from "./bench/calibration.ts";
import type { CaseName, CaseResult, CaseSpec } from "./bench/cases.ts";
import type { FirstResults } from "./bench/first-result.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    runs: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
const runs = Math.max(1, Number(options.runs));
const scale = options.quick ? 0.1 : 1;

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Nanoseconds a request over nanoseconds of the calibration loop, for figures of speed. */
  readonly ratioToCalibration?: number;
  readonly goal?: string;
}
const figures: Figure[] = [];

function inProcess<T>(mode: string, spec: object = {}): T {
  const args = [
    "--conditions=windtunnel-source",
    join(import.meta.dirname, "bench", "case.ts"),
    mode,
    JSON.stringify(spec),
  ];
  const done = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 24 });
  if (done.status !== 0) throw new Error(`${mode} ${JSON.stringify(spec)}: ${done.stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(done.stdout);
}

function note(figure: Figure): void {
  figures.push(figure);
  const ratio = figure.ratioToCalibration === undefined ? "" : `${figure.ratioToCalibration.toFixed(1)} x calibration`;
  const value = figure.value >= 1000 ? Math.round(figure.value).toLocaleString("en") : figure.value.toPrecision(3);
  const goal = figure.goal === undefined ? "" : `(goal ${figure.goal})`;
  process.stdout.write(
    `${figure.name.padEnd(58)} ${value.padStart(12)} ${figure.unit.padEnd(14)} ${ratio.padStart(22)} ${goal}\n`,
  );
}

interface Measured extends CaseResult {
  readonly calibrationNs: number;
}

/** The median of several fresh processes, each with a calibration beside it. */
function measure(spec: CaseSpec): Measured {
  const results = Array.from({ length: runs }, () => {
    const calibration = calibrationNs();
    return { ...inProcess<CaseResult>("run", spec), calibrationNs: calibration };
  });
  results.sort((a, b) => a.nsPerRequest / a.calibrationNs - b.nsPerRequest / b.calibrationNs);
  return results[Math.floor(results.length / 2)]!;
}

function speed(name: string, result: Measured, goal?: string): void {
  note({
    name,
    value: result.requestsPerSecond,
    unit: "requests/s",
    ratioToCalibration: result.nsPerRequest / result.calibrationNs,
    ...(goal === undefined ? {} : { goal }),
  });
}

const requests = (count: number): number => Math.round(count * scale);
const slope = (from: number, to: number, factor: number): number => Math.log(to / from) / Math.log(factor);
const normalised = (result: Measured): number => result.nsPerRequest / result.calibrationNs;

function loadOnly(): void {
  const name: CaseName = "load-only";
  const saturated = inProcess<number>("saturate", { name, pods: 8, requests: requests(200_000) });
  note({ name: "load-only: saturated rate", value: saturated, unit: "requests/s/pod" });
  const ratePerPod = 0.7 * saturated;
  const at8 = measure({ name, pods: 8, requests: requests(1_000_000), ratePerPod });
  speed("load-only, 8 pods, least-connections, 70 % load", at8, "1M, stretch 2M");
  note({ name: "  engine steps", value: at8.stepsPerSecond, unit: "steps/s" });
  note({ name: "  peak memory at 1M requests", value: at8.peakRssBytes / 1e6, unit: "MB", goal: "200 MB" });
  const at64 = measure({ name, pods: 64, requests: requests(1_000_000), ratePerPod });
  speed("load-only, 64 pods", at64, "700k, stretch 1.4M");
  const at512 = measure({ name, pods: 512, requests: requests(1_000_000), ratePerPod });
  speed("load-only, 512 pods", at512);
  note({
    name: "  cost exponent in pods, 8 to 512",
    value: slope(normalised(at8), normalised(at512), 64),
    unit: "",
    goal: "<= 0.5",
  });
  const few = measure({ name, pods: 8, requests: requests(100_000), ratePerPod });
  const many = measure({ name, pods: 8, requests: requests(10_000_000), ratePerPod });
  speed("load-only, 8 pods, 10M requests", many);
  note({ name: "  peak memory at 10M requests", value: many.peakRssBytes / 1e9, unit: "GB", goal: "1.2 GB" });
  const exponent = 1 + slope(normalised(few), normalised(many), 100);
  note({ name: "  cost exponent in requests, 100k to 10M", value: exponent, unit: "", goal: "<= 1.05" });
}

function longOutputs(): void {
  const name: CaseName = "load-only";
  const cost = (outputMean: number): Measured => {
    const saturated = inProcess<number>("saturate", { name, pods: 8, requests: requests(50_000), outputMean });
    return measure({ name, pods: 8, requests: requests(200_000), ratePerPod: 0.7 * saturated, outputMean });
  };
  const short = cost(250);
  const long = cost(8000);
  speed("outputs of 8,000 tokens, 8 pods", long);
  note({ name: "  engine steps, stretches counted whole", value: long.stepsPerSecond, unit: "steps/s" });
  note({ name: "  cost against outputs of 250", value: normalised(long) / normalised(short), unit: "x", goal: "<= 3" });
}

function scorers(): void {
  const name: CaseName = "scorers";
  const at8 = measure({ name, pods: 8, requests: requests(500_000), ratePerPod: 16 });
  const at512 = measure({ name, pods: 512, requests: requests(500_000), ratePerPod: 16 });
  speed("three load scorers, scrapes read, 8 pods", at8);
  speed("three load scorers, scrapes read, 512 pods", at512);
  note({
    name: "  cost exponent in pods, 8 to 512",
    value: slope(normalised(at8), normalised(at512), 64),
    unit: "",
    goal: "<= 0.7",
  });
}

function sessions(): void {
  const name: CaseName = "sessions";
  const saturated = inProcess<number>("saturate", { name, pods: 8, requests: requests(100_000) });
  note({ name: "conversations: saturated rate", value: saturated, unit: "requests/s/pod" });
  const ratePerPod = 0.7 * saturated;
  const at8 = measure({ name, pods: 8, requests: requests(500_000), ratePerPod });
  speed("conversations, 8 pods, optimized-baseline", at8, "300k, stretch 700k");
  note({ name: "  prompt tokens found cached", value: 100 * at8.prefixHitFraction, unit: "%" });
  const at64 = measure({ name, pods: 64, requests: requests(1_000_000), ratePerPod });
  speed("conversations, 64 pods, optimized-baseline", at64, "120k, stretch 250k");
}

function twoPools(): void {
  const saturated = inProcess<number>("saturate", { name: "two-pools-tiers", pods: 64, requests: requests(200_000) });
  note({ name: "P/D and tiers: saturated rate", value: saturated, unit: "requests/s/pod" });
  const given = { pods: 64, requests: requests(1_000_000), ratePerPod: 0.7 * saturated };
  speed("P/D, 64 pods, without reuse", measure({ name: "two-pools", ...given }));
  speed("P/D and tiers, 64 pods, without reuse", measure({ name: "two-pools-tiers", ...given }), "100k");
}

function mooncake(): void {
  const result = inProcess<CaseResult | null>("mooncake");
  if (result === null) {
    process.stdout.write("the real Mooncake trace: skipped, WINDTUNNEL_DATA has none\n");
    return;
  }
  note({
    name: "the real Mooncake conversation trace, 8 pods",
    value: result.simulateMs / 1000,
    unit: "s",
    goal: "< 1 s",
  });
}

function decisionsOff(): void {
  const { median, low, high } = inProcess<{ median: number; low: number; high: number }>("decisionsOff", { pairs: 31 });
  note({ name: "decision records that are off: median ratio", value: median, unit: "x", goal: "<= 1.02" });
  note({ name: "  95 % interval, lower end", value: low, unit: "x" });
  note({ name: "  95 % interval, upper end", value: high, unit: "x" });
}

function firstResult(): void {
  const { kept, nothingKept } = inProcess<FirstResults>("firstResults", { runs: 11 });
  const goal = "<= 150 ms";
  note({ name: "first result of 10,000 requests in a new worker", value: kept.wallMs, unit: "ms", goal });
  note({ name: "  processor time of its thread", value: kept.processorMs, unit: "ms" });
  note({ name: "  nothing compiled before", value: nothingKept.wallMs, unit: "ms", goal });
  note({ name: "  nothing compiled before, processor time of its thread", value: nothingKept.processorMs, unit: "ms" });
}

function blis(): void {
  const program = process.env.WINDTUNNEL_BLIS;
  if (program === undefined) {
    process.stdout.write(
      "BLIS: skipped, WINDTUNNEL_BLIS does not name the program (go install github.com/inference-sim/inference-sim)\n",
    );
    return;
  }
  const ours = inProcess<number>("ours");
  const fastest = inProcess<number>("blis", { program, fastest: true });
  const usual = inProcess<number>("blis", { program, fastest: false });
  note({ name: "like for like: ours", value: ours, unit: "ns/request" });
  note({ name: "  BLIS at its fastest setting over ours", value: fastest / ours, unit: "x", goal: ">= 100" });
  note({ name: "  BLIS at its default over ours", value: usual / ours, unit: "x", goal: ">= 1,000" });
}

const sections: Record<string, () => void> = {
  "load-only": loadOnly,
  "long-outputs": longOutputs,
  scorers,
  sessions,
  "two-pools": twoPools,
  mooncake,
  "decisions-off": decisionsOff,
  "first-result": firstResult,
  blis,
};
const chosen = options.only?.split(",") ?? Object.keys(sections);
const unknown = chosen.find((name) => sections[name] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`bench: unknown section "${unknown}", allowed: ${Object.keys(sections).join(", ")}\n`);
  process.exit(2);
}
const calibration = calibrationNs();
note({ name: "calibration: winner tree of 256, one operation", value: calibration, unit: "ns" });
for (const name of chosen) sections[name]!();
if (options.json !== undefined) {
  writeFileSync(`${options.json}.tmp`, `${JSON.stringify({ runs, scale, figures }, null, 2)}\n`);
  renameSync(`${options.json}.tmp`, options.json);
}
