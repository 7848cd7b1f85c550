import { resolve } from "node:path";
import type { TraceInfo } from "@windtunnel/sim-core";
import { didYouMean, parseDurationUs, traceWriterNames } from "@windtunnel/sim-core";
import { ExitCode, UsageError } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import { formatData, formatTable, parseFormat } from "../output/format.ts";
import { traceInfoTables } from "../output/trace-info-tables.ts";
import type { WrittenTrace } from "../trace/index.ts";
import { traceCatalogue, traceConvert, traceFetch, traceInfo, traceSample, traceValidate } from "../trace/index.ts";
import type { Command } from "./command.ts";

type Options = Readonly<Record<string, unknown>>;
type Verb = (positional: readonly string[], options: Options, terminal: Terminal) => Promise<ExitCode>;

/** `windtunnel trace info|convert|validate|sample|fetch`. */
export const trace: Command = ({ positional: [verb, ...rest], options }, terminal) => {
  const run = VERBS[verb ?? ""];
  if (!run) throw new UsageError(`trace ${verb}: allowed: ${Object.keys(VERBS).join(", ")}`);
  return run(rest, options, terminal);
};

const info: Verb = async ([file = ""], options, terminal) => {
  const format = parseFormat(String(options.output));
  const found = await traceInfo(resolve(terminal.cwd, file), {
    format: String(options.format),
    cache: options.cache === true,
  });
  if (format === "json" || format === "ndjson" || format === "yaml") terminal.out(formatData(found, format));
  else {
    const tables = traceInfoTables(found as TraceInfo);
    terminal.out(tables.map((table) => formatTable(table, format, useColour(terminal))).join("\n"));
  }
  return ExitCode.pass;
};

const convert: Verb = async ([file = "", target = ""], options, terminal) => {
  const to = String(options.to);
  if (!traceWriterNames.includes(to)) {
    throw new UsageError(
      `--to ${to}: unknown format${didYouMean(to, traceWriterNames)}; allowed: ${traceWriterNames.join(", ")}`,
    );
  }
  const written = await traceConvert(resolve(terminal.cwd, file), resolve(terminal.cwd, target), {
    to,
    format: String(options.format),
    seed: String(options.seed),
    ...(options.jitter === undefined ? {} : { jitterUs: duration("--jitter", options.jitter) }),
    ...(options.rateScale === undefined ? {} : { rateScale: positive("--rate-scale", options.rateScale) }),
    ...(options.limit === undefined ? {} : { limit: positive("--limit", options.limit) }),
  });
  return report(written, target, terminal);
};

const sample: Verb = async ([file = "", target = ""], options, terminal) => {
  const mode = options.mode === "every-nth" || options.mode === "every" ? "every" : options.mode;
  if (mode !== "window" && mode !== "every") throw new UsageError(`--mode ${String(mode)}: allowed: window, every-nth`);
  const written = await traceSample(resolve(terminal.cwd, file), resolve(terminal.cwd, target), {
    format: String(options.format),
    sample: { mode, count: positive("--count", options.count), seed: String(options.seed) },
    ...(options.to === undefined ? {} : { to: String(options.to) }),
  });
  return report(written, target, terminal);
};

const validate: Verb = async ([file = ""], options, terminal) => {
  const found = await traceValidate(resolve(terminal.cwd, file), { format: String(options.format) });
  for (const warning of found.warnings) terminal.err(`note: ${file}: ${warning}\n`);
  if (!found.valid) {
    terminal.err(`${found.error}\n`);
    return ExitCode.usage;
  }
  terminal.out(`${file}: valid ${found.format} trace, ${found.rows} rows\n`);
  return ExitCode.pass;
};

const fetch: Verb = async ([name], options, terminal) => {
  if (name === undefined) {
    const rows = traceCatalogue.map((entry) => [entry.name, entry.licence, entry.url]);
    const table = { columns: [{ title: "Trace" }, { title: "licence" }, { title: "from" }], rows };
    terminal.out(formatTable(table, "table", useColour(terminal)));
    return ExitCode.pass;
  }
  const fetched = await traceFetch(name, {
    directory: resolve(terminal.cwd, String(options.out ?? ".")),
    ...(options.from === undefined ? {} : { from: String(options.from) }),
  });
  terminal.out(`${fetched.path}\n`);
  terminal.err(`${fetched.bytes} bytes, SHA-256 as published; licence: ${fetched.licence}\n`);
  return ExitCode.pass;
};

const VERBS: Readonly<Record<string, Verb>> = { info, convert, validate, sample, fetch };

function report(written: WrittenTrace, target: string, terminal: Terminal): ExitCode {
  for (const [reason, rows] of Object.entries(written.skipped))
    terminal.err(`note: ${rows} rows left out: ${reason}\n`);
  const blocks = written.blockSizeTokens === undefined ? "" : `, blocks of ${written.blockSizeTokens} tokens`;
  terminal.err(`wrote ${target}: ${written.rows} rows, ${written.from} to ${written.to}${blocks}\n`);
  return ExitCode.pass;
}

function positive(option: string, text: unknown): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value))
    throw new UsageError(`${option} ${String(text)}: expected a number above 0`);
  return value;
}

function duration(option: string, text: unknown): number {
  try {
    return parseDurationUs(String(text));
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}
