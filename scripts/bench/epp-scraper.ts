import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadEndpointPickerConfig, Router } from "@windtunnel/router-policies";

/**
 * CPU that scraping costs: 200 targets at 20 Hz, with a short page and with one of a real engine's size, ours and
 * upstream's Endpoint Picker in turn. `node --conditions=windtunnel-source scripts/bench/epp-scraper.ts [--json]`;
 * upstream's runs where `WINDTUNNEL_GO_EPP` names it.
 */
interface Measured {
  readonly picker: "ours" | "go";
  readonly page: "short" | "60 KB";
  readonly targets: number;
  readonly seconds: number;
  /** Milliseconds of CPU a second. */
  readonly cpuMsPerSecond: number;
  readonly scrapesPerSecond: number;
  readonly cpuUsPerScrape: number;
  readonly residentMib: number;
}

const CONFIG = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- {type: queue-scorer}
- {type: kv-cache-utilization-scorer}
- {type: metrics-data-source}
- {type: core-metrics-extractor}
- {type: max-score-picker}
- {type: single-profile-handler}
`;

/** A page as vLLM writes it, with histograms up to the wanted size. */
export function enginePage(bytes: number, waiting: number): string {
  const labels = 'engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"';
  const gauge = (name: string, value: string, of = labels): string =>
    `# HELP vllm:${name} A gauge of the engine.\n# TYPE vllm:${name} gauge\nvllm:${name}{${of}} ${value}\n`;
  let page = gauge("num_requests_running", "7.0") + gauge("num_requests_waiting", `${waiting}.0`);
  page += gauge("kv_cache_usage_perc", "0.2534879213");
  for (let h = 0; page.length < bytes - 300; h++) {
    page += `# HELP vllm:phase_${h}_seconds Histogram of a phase in seconds.\n# TYPE vllm:phase_${h}_seconds histogram\n`;
    for (let b = 0; b < 25; b++) page += `vllm:phase_${h}_seconds_bucket{${labels},le="${b * 0.25}"} ${1234.5 * b}\n`;
    page += `vllm:phase_${h}_seconds_count{${labels}} 30862.0\nvllm:phase_${h}_seconds_sum{${labels}} 8712.25\n`;
  }
  const cache = 'block_size="16",cache_dtype="auto",engine="0",gpu_memory_utilization="0.9",num_gpu_blocks="27468"';
  return page + gauge("cache_config_info", "1.0", cache);
}

/** Serves one page on many ports; tells them, then every second how often it was asked. */
async function serveTargets(count: number, bytes: number): Promise<void> {
  const answers = Array.from({ length: 16 }, (_, i) => {
    const page = enginePage(bytes, i);
    return Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${page.length}\r\n\r\n${page}`);
  });
  let asked = 0;
  const ports: number[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.write(answers[asked++ % answers.length]!));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ports.push((server.address() as { port: number }).port);
  }
  process.send!(ports);
  process.on("message", () => process.send!(asked));
  process.on("disconnect", () => process.exit());
}

/** Ours, with nothing but what scraping needs. */
async function scrapeTargets(ports: readonly number[]): Promise<void> {
  const source = "../../packages/epp/src";
  const { MetricsScraper } = await import(`${source}/signals/metrics-scraper.ts`);
  const { metricsSources } = await import(`${source}/signals/metrics-source.ts`);
  const { LiveRouter } = await import(`${source}/host/live-router.ts`);
  const { monotonicClock: clock } = await import(`${source}/host/clock.ts`);
  const config = loadEndpointPickerConfig(CONFIG, { file: "bench.yaml" });
  const router = new Router(config, { random: () => ({ next: () => 0 }) as never });
  const live = new LiveRouter(router, { clock, explain: () => false });
  const endpoint = (port: number) => ({
    name: `p${port}`,
    namespace: "default",
    address: `127.0.0.1:${port}`,
    labels: {},
  });
  live.setEndpoints(ports.map(endpoint));
  for (const metrics of metricsSources(config)) new MetricsScraper(live, metrics, { clock }).start();
  process.on("disconnect", () => process.exit());
}

const self = (mode: string, extra: readonly string[]): ChildProcess =>
  fork(import.meta.filename, ["--mode", mode, ...extra], { execArgv: ["--conditions=windtunnel-source"] });

function startGo(command: string, ports: readonly number[], folder: string): ChildProcess {
  const endpoints = ports.map((port) => ({ name: `p${port}`, address: "127.0.0.1", port: `${port}` }));
  writeFileSync(join(folder, "endpoints.yaml"), JSON.stringify({ endpoints }));
  const discovery = `- {type: file-discovery, parameters: {path: ${folder}/endpoints.yaml}}\n`;
  const config = `${CONFIG}${discovery}dataLayer: {discovery: {pluginRef: file-discovery}}\n`;
  writeFileSync(join(folder, "config.yaml"), config);
  const ports0 = ["--grpc-port=39502", "--grpc-health-port=39503", "--metrics-port=39590"];
  const quiet = ["--metrics-endpoint-auth=false", "--tracing=false", "--zap-devel=false", "-v", "0"];
  const args = ["--config-file", join(folder, "config.yaml"), "--secure-serving=false", "--pool-name", "x"];
  return spawn(command, [...args, ...ports0, ...quiet], { stdio: "ignore" });
}

const TICKS_PER_SECOND = 100;

/** CPU and memory of a process, from /proc. */
function usageOf(pid: number): { cpuMs: number; residentMib: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  const cpuMs = ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  return { cpuMs, residentMib: (Number(fields[21]) * 4096) / 2 ** 20 };
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(picker: Measured["picker"], bytes: number, targets: number, seconds: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "windtunnel-scraper-"));
  const served = self("targets", ["--targets", `${targets}`, "--bytes", `${bytes}`]);
  const asked = async (): Promise<number> => {
    served.send("asked");
    return (await once(served, "message"))[0];
  };
  let scraper: ChildProcess | undefined;
  try {
    const [ports] = (await once(served, "message")) as [number[]];
    scraper =
      picker === "go"
        ? startGo(process.env.WINDTUNNEL_GO_EPP!, ports, folder)
        : self("scraper", ["--ports", `${ports}`]);
    for (let waited = 0; (await asked()) < targets; waited += 100) {
      if (waited > 60_000) throw new Error(`${picker} does not scrape`);
      await after(100);
    }
    await after(3000);
    const [before, from] = [await asked(), usageOf(scraper.pid!)];
    const started = performance.now();
    await after(seconds * 1000);
    const took = (performance.now() - started) / 1000;
    const [scrapes, to] = [(await asked()) - before, usageOf(scraper.pid!)];
    const cpuMs = to.cpuMs - from.cpuMs;
    return {
      picker,
      page: bytes > 10_000 ? "60 KB" : "short",
      targets,
      seconds,
      cpuMsPerSecond: Math.round(cpuMs / took),
      scrapesPerSecond: Math.round(scrapes / took),
      cpuUsPerScrape: Math.round((cpuMs * 1000) / scrapes),
      residentMib: Math.round(to.residentMib),
    };
  } finally {
    scraper?.kill("SIGKILL");
    served.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

async function main(targets: number, seconds: number, json: boolean): Promise<void> {
  const pickers: Measured["picker"][] = process.env.WINDTUNNEL_GO_EPP === undefined ? ["ours"] : ["ours", "go"];
  const rows: Measured[] = [];
  for (const bytes of [1_000, 60_000]) {
    for (const picker of pickers) rows.push(await measure(picker, bytes, targets, seconds));
  }
  if (json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else console.table(rows);
  if (pickers.length === 1)
    process.stderr.write("skipped the Go Endpoint Picker: WINDTUNNEL_GO_EPP does not name it\n");
}

const { values } = parseArgs({
  options: {
    mode: { type: "string" },
    ports: { type: "string" },
    targets: { type: "string", default: "200" },
    bytes: { type: "string", default: "1000" },
    seconds: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
  },
});
if (values.mode === "targets") await serveTargets(Number(values.targets), Number(values.bytes));
else if (values.mode === "scraper") await scrapeTargets(values.ports!.split(",").map(Number));
else await main(Number(values.targets), Number(values.seconds), values.json);
