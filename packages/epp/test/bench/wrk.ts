import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ChildProgram } from "../../src/demo/child-program.ts";
import { httpLoad, quantile } from "../support/http-load.ts";

/** What a load generator saw. */
export interface LoadFigures {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 200, and requests without one. */
  readonly failed: number;
}

export interface LoadSpec {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly promptBytes: number;
  /** Where its script may lie. */
  readonly directory: string;
}

const SESSIONS = 200;
const WRK = "wrk";

export function hasWrk(): boolean {
  return spawnSync(WRK, ["--version"], { stdio: "ignore" }).error === undefined;
}

/** Sends completions of `SESSIONS` sessions with a shared prefix; with `wrk` where it is there, else from this process. */
export function load(spec: LoadSpec): Promise<LoadFigures> {
  return hasWrk() ? withWrk(spec) : withNode(spec);
}

async function withWrk({ url, connections, seconds, promptBytes, directory }: LoadSpec): Promise<LoadFigures> {
  const script = join(directory, "load.lua");
  writeFileSync(script, luaScript(promptBytes));
  const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s", "-s", script];
  const wrk = new ChildProgram(WRK, [...options, `${url}/v1/completions`]);
  const code = await wrk.exited;
  const line = wrk.output.split("\n").find((text) => text.startsWith("FIGURES "));
  if (code !== 0 || line === undefined) throw new Error(`wrk ended with ${code}: ${wrk.output}`);
  return JSON.parse(line.slice("FIGURES ".length)) as LoadFigures;
}

/** Each request is made before the run, so that the generator costs little. */
function luaScript(promptBytes: number): string {
  return `
local requests = {}
local head = string.rep("shared prefix of every session ", math.floor(${promptBytes} / 31))
init = function(args)
  wrk.headers["content-type"] = "application/json"
  for session = 1, ${SESSIONS} do
    local body = string.format('{"model":"fake-model","max_tokens":1,"prompt":"%ssession %d"}', head, session)
    requests[session] = wrk.format("POST", nil, nil, body)
  end
end
local next_session = 0
request = function()
  next_session = next_session % ${SESSIONS} + 1
  return requests[next_session]
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\nFIGURES {"requests":%d,"requestsPerSecond":%.3f,"p50Ms":%.4f,"p99Ms":%.4f,"failed":%d}\\n',
    summary.requests, summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, failed))
end
`;
}

async function withNode({ url, connections, seconds, promptBytes }: LoadSpec): Promise<LoadFigures> {
  const head = "shared prefix of every session ".repeat(Math.floor(promptBytes / 31));
  const bodies = Array.from({ length: SESSIONS }, (_, session) =>
    Buffer.from(JSON.stringify({ model: "fake-model", max_tokens: 1, prompt: `${head}session ${session}` })),
  );
  const end = performance.now() + seconds * 1000;
  const until = (): boolean => performance.now() > end;
  const result = await httpLoad({ url, connections, until, body: (index) => bodies[index % SESSIONS]! });
  return {
    requests: result.requests,
    requestsPerSecond: result.requests / result.seconds,
    p50Ms: quantile(result.latenciesMs, 0.5),
    p99Ms: quantile(result.latenciesMs, 0.99),
    failed: result.requests - (result.statuses.get(200) ?? 0),
  };
}
