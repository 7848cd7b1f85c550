import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { windtunnel } from "../capture-terminal.ts";

/** Of one stage of a run, as inference-perf reports it: of requests that were answered, and the drain counts. */
export interface StageResult {
  readonly rate: number;
  readonly outputTokensPerSecond: number;
  readonly totalTokensPerSecond: number;
  readonly ttftMeanSeconds: number;
  readonly ttftP90Seconds: number;
}

/** Of all requests of a run. */
export interface RunResult {
  readonly totalTokensPerSecond: number;
  readonly ttftMeanSeconds: number;
  readonly ttftP50Seconds: number;
  readonly e2eMeanSeconds: number;
  readonly itlMeanSeconds: number;
  readonly requestsPerSecond: number;
}

interface Stage {
  readonly rate: number;
  readonly duration_s: number;
}

/** A scenario as data; JSON is YAML. */
export type Spec = Readonly<Record<string, unknown>>;

const document = (spec: Spec) =>
  JSON.stringify({ apiVersion: "windtunnel.dev/v1alpha1", kind: "Scenario", metadata: { name: "case" }, spec });

async function run<T>(spec: Spec, use: (directory: string, summary: RunSummaryJson) => T): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "windtunnel-validation-"));
  try {
    writeFileSync(join(directory, "s.yaml"), document(spec));
    const args = ["run", "-f", "s.yaml", "-o", "json", "--quiet", "--out", "out"];
    const { code, out, err } = await windtunnel(args, { cwd: directory });
    if (code !== 0) throw new Error(err);
    return use(directory, JSON.parse(out));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface RunSummaryJson {
  readonly fleet: {
    readonly totalTokensPerSecond: number;
    readonly requestsPerSecond: number;
    readonly latency: Readonly<Record<string, { readonly meanSeconds: number; readonly p50Seconds: number }>>;
  };
}

/** Runs a scenario and gives what its summary says. */
export function runWhole(spec: Spec): Promise<RunResult> {
  return run(spec, (_, { fleet }) => ({
    totalTokensPerSecond: fleet.totalTokensPerSecond,
    requestsPerSecond: fleet.requestsPerSecond,
    ttftMeanSeconds: fleet.latency.ttft!.meanSeconds,
    ttftP50Seconds: fleet.latency.ttft!.p50Seconds,
    e2eMeanSeconds: fleet.latency.e2e!.meanSeconds,
    itlMeanSeconds: fleet.latency.itl!.meanSeconds,
  }));
}

/** Runs a scenario of stages and gives each of them: rows are in the order of stages, `⌊rate × duration⌋` each. */
export function runStages(spec: Spec, stages: readonly Stage[]): Promise<StageResult[]> {
  return run(spec, (directory) => {
    const [header, ...lines] = readFileSync(join(directory, "out", "requests.csv"), "utf8")
      .trim()
      .split("\n");
    const columns = header!.split(",");
    const column = (name: string) => columns.indexOf(name);
    const [arrival, finish] = [column("arrivalSeconds"), column("finishSeconds")];
    const [output, prompt, ttft] = [column("outputTokens"), column("promptTokens"), column("ttftSeconds")];
    const outcome = column("outcome");
    let from = 0;
    return stages.map(({ rate, duration_s }): StageResult => {
      const count = Math.floor(rate * duration_s);
      const sent = lines.slice(from, from + count).map((line) => line.split(","));
      from += count;
      if (sent.length !== count) throw new Error(`stage of rate ${rate}: ${sent.length} of ${count} requests`);
      const rows = sent.filter((row) => row[outcome] === "completed").map((row) => row.map(Number));
      const sum = (at: number) => rows.reduce((total, row) => total + row[at]!, 0);
      const seconds = Math.max(...rows.map((row) => row[finish]!)) - Math.min(...rows.map((row) => row[arrival]!));
      const ttfts = rows.map((row) => row[ttft]!).sort((a, b) => a - b);
      return {
        rate,
        outputTokensPerSecond: sum(output) / seconds,
        totalTokensPerSecond: (sum(output) + sum(prompt)) / seconds,
        ttftMeanSeconds: sum(ttft) / rows.length,
        ttftP90Seconds: ttfts[Math.floor(0.9 * (rows.length - 1))]!,
      };
    });
  });
}
