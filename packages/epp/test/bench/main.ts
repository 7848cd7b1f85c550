// `npm run bench:epp`: requests through a real Envoy, ours and upstream's Endpoint Picker in turn in one run, as the
// machine's speed changes from one minute to the next. `--seconds N` of load for each case and turn, `--rounds N` turns,
// `--only a,b` cases, `--json FILE` writes the figures. Ours is built first and runs as the container image runs it;
// `--bundle FILE` takes a command that is built already.

import { renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type EppProgram, GO_EPP_SKIP, goEpp, publishedEpp } from "../support/epp-program.ts";
import { exitOnSignals } from "../support/exit-on-signals.ts";
import { type BenchCase, type BenchFigures, benchEpp } from "./epp-case.ts";
import { hasWrk } from "./wrk.ts";

exitOnSignals();

const CASES: Readonly<Record<string, Omit<BenchCase, "seconds"> & { readonly goal: number }>> = {
  "10-endpoints-4KB": { endpoints: 10, promptBytes: 4096, connections: 16, goal: 1.5 },
  "200-endpoints-4KB": { endpoints: 200, promptBytes: 4096, connections: 16, goal: 2 },
  "200-endpoints-400KB": { endpoints: 200, promptBytes: 409_600, connections: 16, goal: 1.7 },
};

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    json: { type: "string" },
    bundle: { type: "string" },
  },
});
const chosen = options.only?.split(",") ?? Object.keys(CASES);
const unknown = chosen.find((name) => CASES[name] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`bench: unknown case "${unknown}", allowed: ${Object.keys(CASES).join(", ")}\n`);
  process.exit(2);
}
const theirs = goEpp();
if (theirs === undefined) process.stderr.write(`bench: without upstream's beside ours, ${GO_EPP_SKIP}\n`);
if (!hasWrk())
  process.stderr.write("bench: wrk is not there (apt-get install wrk); the load comes from this process\n");
const ours = publishedEpp(options.bundle);
const programs: readonly EppProgram[] = theirs === undefined ? [ours] : [ours, theirs];

interface Row extends BenchFigures {
  readonly case: string;
  readonly epp: string;
}
const rows: Row[] = [];
const ratios: Record<string, Record<string, number>> = {};

for (const name of chosen) {
  const spec = { ...CASES[name]!, seconds: Number(options.seconds) };
  const measured = new Map<string, BenchFigures[]>(programs.map((program) => [program.name, []]));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const program of programs) {
      const figures = await benchEpp(program, spec);
      measured.get(program.name)!.push(figures);
      process.stderr.write(`  ${name} ${program.name}: ${figures.requestsPerSecond.toFixed(0)} requests/s\n`);
    }
  }
  for (const { name: epp } of programs) {
    const row = { case: name, epp, ...median(measured.get(epp)!) };
    rows.push(row);
    process.stdout.write(`${line(row)}\n`);
  }
  if (theirs !== undefined) {
    ratios[name] = ratiosOf(rows.at(-2)!, rows.at(-1)!);
    const { requestsPerSecond, ...others } = ratios[name];
    const rest = Object.entries(others).map(([figure, ratio]) => `${figure} ${ratio.toFixed(2)}`);
    process.stdout.write(
      `${"".padEnd(22)}ours / theirs: requests/s ${requestsPerSecond!.toFixed(2)} (goal ${spec.goal}), ${rest.join(", ")}\n`,
    );
  }
}
if (options.json !== undefined) {
  writeFileSync(`${options.json}.tmp`, `${JSON.stringify({ rows, ratios }, null, 2)}\n`);
  renameSync(`${options.json}.tmp`, options.json);
}
if (rows.some(({ failed }) => failed > 0)) process.exitCode = 1;

/** Of each figure its own median; failures add up. */
function median(all: readonly BenchFigures[]): BenchFigures {
  const of = (figure: keyof BenchFigures): number => {
    const ascending = all.map((one) => one[figure]).sort((a, b) => a - b);
    const [low, high] = [Math.floor((all.length - 1) / 2), Math.floor(all.length / 2)];
    return (ascending[low]! + ascending[high]!) / 2;
  };
  return {
    requests: of("requests"),
    requestsPerSecond: of("requestsPerSecond"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    cpuMsPerRequest: of("cpuMsPerRequest"),
    residentBytes: of("residentBytes"),
    decisionUs: of("decisionUs"),
  };
}

function ratiosOf(ours: BenchFigures, other: BenchFigures): Record<string, number> {
  const figures = ["requestsPerSecond", "p50Ms", "p99Ms", "cpuMsPerRequest", "residentBytes", "decisionUs"] as const;
  return Object.fromEntries(figures.map((figure) => [figure, ours[figure] / other[figure]]));
}

function line(row: Row): string {
  return [
    row.case.padEnd(22),
    row.epp.padEnd(6),
    `${row.requestsPerSecond.toFixed(0).padStart(6)} requests/s`,
    `p50 ${row.p50Ms.toFixed(2).padStart(7)} ms`,
    `p99 ${row.p99Ms.toFixed(2).padStart(7)} ms`,
    `CPU ${row.cpuMsPerRequest.toFixed(3).padStart(7)} ms/request`,
    `decision ${row.decisionUs.toFixed(0).padStart(4)} us`,
    `RSS ${(row.residentBytes / 1e6).toFixed(0).padStart(4)} MB`,
    `${row.failed} failed`,
  ].join("  ");
}
