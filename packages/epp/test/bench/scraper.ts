// `npm run bench:scraper`: CPU of an Endpoint Picker that does nothing but scrape, with a short page and with one of a real
// engine's size, ours and upstream's in turn. `--targets N` endpoints, each scraped 20 times a second, `--seconds N` of
// each, `--json FILE` writes the figures. Ours is built first and runs as the container image runs it; `--bundle FILE`
// takes a command that is built already.

import { renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { MetricsPageSize } from "../../src/demo/fake-metrics-page.ts";
import { configOverFile } from "../support/config-over-file.ts";
import { EppFiles, type EppProgram, GO_EPP_SKIP, goEpp, publishedEpp, startEpp } from "../support/epp-program.ts";
import { exitOnSignals } from "../support/exit-on-signals.ts";
import { eventually } from "../support/loopback.ts";
import { processUsage } from "../support/process-usage.ts";
import { ScrapeTargets } from "./scrape-targets.ts";

exitOnSignals();

const WARM_UP_MS = 3000;
const SCRAPES_WITHIN_MS = 60_000;
const ROUTING = { plugins: [{ type: "queue-scorer" }, { type: "kv-cache-utilization-scorer" }] };

interface Row {
  readonly epp: string;
  readonly page: MetricsPageSize;
  readonly scrapesPerSecond: number;
  readonly cpuMsPerSecond: number;
  readonly cpuUsPerScrape: number;
  readonly residentMb: number;
}

const { values: options } = parseArgs({
  options: {
    targets: { type: "string", default: "200" },
    seconds: { type: "string", default: "10" },
    json: { type: "string" },
    bundle: { type: "string" },
  },
});
const theirs = goEpp();
if (theirs === undefined) process.stderr.write(`bench: without upstream's beside ours, ${GO_EPP_SKIP}\n`);
const ours = publishedEpp(options.bundle);
const rows: Row[] = [];
for (const size of ["short", "engine"] as const) {
  for (const epp of theirs === undefined ? [ours] : [ours, theirs]) {
    const row = await measure(epp, size, Number(options.targets), Number(options.seconds));
    rows.push(row);
    process.stdout.write(`${line(row)}\n`);
  }
}
if (options.json !== undefined) {
  writeFileSync(`${options.json}.tmp`, `${JSON.stringify({ targets: Number(options.targets), rows }, null, 2)}\n`);
  renameSync(`${options.json}.tmp`, options.json);
}

async function measure(epp: EppProgram, page: MetricsPageSize, count: number, seconds: number): Promise<Row> {
  const stops: (() => unknown)[] = [];
  try {
    const targets = await ScrapeTargets.start(count, page);
    stops.push(() => targets.stop());
    const files = await EppFiles.create();
    stops.push(() => files.remove());
    await files.writeEndpoints(targets.addresses.map((address, index) => ({ name: `vllm-${index}`, address })));
    const configFile = await files.writeConfig(configOverFile(files.endpointsFile, ROUTING));
    const { program } = await startEpp(epp, { configFile });
    stops.push(() => program.stop("SIGKILL"));
    await eventually(`${epp.name} scrapes all`, () => targets.asked >= count, SCRAPES_WITHIN_MS);
    await sleep(WARM_UP_MS);
    const [asked, before, started] = [targets.asked, processUsage(program.pid), performance.now()];
    await sleep(seconds * 1000);
    const [scrapes, after] = [targets.asked - asked, processUsage(program.pid)];
    const tookSeconds = (performance.now() - started) / 1000;
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
    return {
      ...{ epp: epp.name, page },
      scrapesPerSecond: scrapes / tookSeconds,
      cpuMsPerSecond: (cpuSeconds * 1000) / tookSeconds,
      cpuUsPerScrape: (cpuSeconds * 1e6) / scrapes,
      residentMb: after.residentBytes / 1e6,
    };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

function line(row: Row): string {
  return [
    row.page.padEnd(8),
    row.epp.padEnd(6),
    `${row.scrapesPerSecond.toFixed(0).padStart(6)} scrapes/s`,
    `CPU ${row.cpuMsPerSecond.toFixed(0).padStart(5)} ms/s`,
    `${row.cpuUsPerScrape.toFixed(0).padStart(5)} us/scrape`,
    `RSS ${row.residentMb.toFixed(0).padStart(4)} MB`,
  ].join("  ");
}
