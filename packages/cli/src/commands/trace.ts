import { resolve } from "node:path";
import type { TraceInfo } from "@windtunnel/sim-core";
import { didYouMean, traceWriterNames } from "@windtunnel/sim-core";
import { ExitCode, UsageError } from "../exit-code.ts";
import { given } from "../host/given.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import { formatData, formatTable, isDataFormat, parseFormat } from "../output/format.ts";
import { traceInfoTables } from "../output/trace-info-tables.ts";
import type { TraceInfoFileOptions, WrittenTrace } from "../trace/index.ts";
import { traceCatalogue, traceConvert, traceFetch, traceInfo, traceSample, traceValidate } from "../trace/index.ts";
import type { Command } from "./command.ts";
import type { TextOptions } from "./trace-options.ts";
import { count, durationUs, openingOptions, readingOptions } from "./trace-options.ts";

type Verb = (positional: readonly string[], options: TextOptions, terminal: Terminal) => Promise<ExitCode>;

/** `windtunnel trace info|convert|validate|sample|fetch`. */
export const trace: Command = ({ positional: [verb, ...rest], options }, terminal) => {
  const run = VERBS[verb ?? ""];
  if (!run) throw new UsageError(`trace ${verb}: allowed: ${Object.keys(VERBS).join(", ")}`);
  return run(rest, options, terminal);
};

const info: Verb = async ([file = ""], options, terminal) => {
  const format = parseFormat(String(options.output));
  const found = await traceInfo(resolve(terminal.cwd, file), {
    ...readingOptions(file, options),
    ...given<TraceInfoFileOptions>({
      cache: options.cache === true,
      jitterUs: durationUs("--jitter", options.jitter),
      seed: String(options.seed),
    }),
  });
  if (isDataFormat(format)) terminal.out(formatData(found, format));
  else {
    const tables = traceInfoTables(found as TraceInfo);
    terminal.out(tables.map((table) => formatTable(table, format, useColour(terminal))).join("\n"));
  }
  return ExitCode.pass;
};

const convert: Verb = async ([file = "", target = ""], options, terminal) => {
  const written = await traceConvert(resolve(terminal.cwd, file), resolve(terminal.cwd, target), {
    ...openingOptions(file, options),
    to: writtenFormat(options),
  });
  return report(written, target, terminal);
};

const sample: Verb = async ([file = "", target = ""], options, terminal) => {
  const mode = options.mode === "every-nth" ? "every" : options.mode;
  if (mode !== "window" && mode !== "every") throw new UsageError(`--mode ${String(mode)}: allowed: window, every-nth`);
  const written = await traceSample(resolve(terminal.cwd, file), resolve(terminal.cwd, target), {
    ...openingOptions(file, options),
    to: writtenFormat(options),
    sample: { mode, count: count("--count", options.count) ?? 1, seed: String(options.seed) },
  });
  return report(written, target, terminal);
};

/** @throws UsageError for a format that nothing here writes */
function writtenFormat({ to }: TextOptions): string {
  const name = String(to);
  if (traceWriterNames.includes(name)) return name;
  throw new UsageError(
    `--to ${name}: unknown format${didYouMean(name, traceWriterNames)}; allowed: ${traceWriterNames.join(", ")}`,
  );
}

const validate: Verb = async ([file = ""], options, terminal) => {
  const found = await traceValidate(resolve(terminal.cwd, file), readingOptions(file, options));
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
