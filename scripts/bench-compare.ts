// `npm run bench:compare -- COMMIT`: what this tree costs beside an earlier one, run in turn in fresh processes, so that a
// machine whose speed changes from minute to minute slows both. `--pairs N` (default 15), `--only CASE,…`, `--json FILE`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { CaseResult, CaseSpec } from "./bench/cases.ts";
import { type MedianInterval, medianInterval } from "./bench/interval.ts";

const LEAST_PAIRS = 11;

/** Rates are given, about 70 % of saturation: both sides must do the same work. */
const cases: Readonly<Record<string, CaseSpec>> = {
  "load-only-8": { name: "load-only", pods: 8, requests: 1_000_000, ratePerPod: 16.6 },
  "load-only-64": { name: "load-only", pods: 64, requests: 1_000_000, ratePerPod: 16.6 },
  "sessions-8": { name: "sessions", pods: 8, requests: 300_000, ratePerPod: 16 },
  "sessions-64": { name: "sessions", pods: 64, requests: 300_000, ratePerPod: 16 },
};

function fail(message: string): never {
  process.stderr.write(`bench:compare: ${message}\n`);
  process.exit(2);
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { pairs: { type: "string", default: "15" }, only: { type: "string" }, json: { type: "string" } },
});
const [commit] = positionals;
if (commit === undefined || positionals.length > 1)
  fail("one commit to compare with is needed: bench:compare -- COMMIT");
const pairs = Number(options.pairs);
if (!Number.isInteger(pairs) || pairs < LEAST_PAIRS) {
  fail(
    `--pairs ${options.pairs}: allowed is a whole number from ${LEAST_PAIRS}, as fewer have no 95 % interval to speak of`,
  );
}
const chosen = options.only?.split(",") ?? Object.keys(cases);
const unknown = chosen.find((name) => cases[name] === undefined);
if (unknown !== undefined) fail(`unknown case "${unknown}", allowed: ${Object.keys(cases).join(", ")}`);

const head = join(import.meta.dirname, "..");
try {
  execFileSync("git", ["rev-parse", "--verify", "--quiet", `${commit}^{commit}`], { cwd: head, stdio: "ignore" });
} catch {
  fail(`there is no commit "${commit}" here`);
}

/** Outside of every `node_modules`, where Node strips no types. */
const base = join(mkdtempSync(join(tmpdir(), "windtunnel-compare-")), "base");

/** The earlier tree, whole and with its own dependencies. */
function checkOut(): void {
  execFileSync("git", ["worktree", "add", "--quiet", "--detach", base, commit!], { cwd: head });
  execFileSync("pnpm", ["install", "--frozen-lockfile", "--prefer-offline"], {
    cwd: base,
    env: { ...process.env, CI: "true" },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

function dropBase(): void {
  rmSync(join(base, ".."), { recursive: true, force: true });
  execFileSync("git", ["worktree", "prune"], { cwd: head });
}

function nsPerRequest(tree: string, spec: CaseSpec): number {
  const args = ["--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning"];
  const output = execFileSync(
    process.execPath,
    [...args, join(tree, "scripts", "bench", "case.ts"), "run", JSON.stringify(spec)],
    { cwd: tree, encoding: "utf8" },
  );
  return (JSON.parse(output) as CaseResult).nsPerRequest;
}

function compare(spec: CaseSpec): MedianInterval {
  const ratios = Array.from({ length: pairs }, (_, pair) => {
    // Whoever runs second may find a warmer machine: take turns.
    const before = pair % 2 === 0 ? nsPerRequest(base, spec) : undefined;
    const ours = nsPerRequest(head, spec);
    return ours / (before ?? nsPerRequest(base, spec));
  });
  return medianInterval(ratios);
}

try {
  checkOut();
  const results: Record<string, MedianInterval> = {};
  process.stdout.write(`this tree over ${commit}, ns a request, ${pairs} pairs\n`);
  for (const name of chosen) {
    const result = compare(cases[name]!);
    results[name] = result;
    const [median, low, high] = [result.median, result.low, result.high].map((value) => value.toFixed(3));
    process.stdout.write(
      `${name.padEnd(16)} median ${median}   95 % interval ${low} to ${high}   (goal: ends at or below 1.05)\n`,
    );
  }
  if (options.json !== undefined) {
    writeFileSync(`${options.json}.tmp`, `${JSON.stringify({ commit, pairs, results }, null, 2)}\n`);
    renameSync(`${options.json}.tmp`, options.json);
  }
} finally {
  dropBase();
}
