import type { TraceTransform } from "@windtunnel/sim-core";
import { didYouMean, parseDurationUs, traceFormats } from "@windtunnel/sim-core";
import { UsageError } from "../exit-code.ts";
import { given } from "../host/given.ts";
import type { OpenTraceOptions, ReadTraceOptions } from "../trace/index.ts";

/** Options of the `trace` commands as commander gives them: text, by camel-case name. */
export type TextOptions = Readonly<Record<string, unknown>>;

/** How a trace file is read, `file` being its name in messages. @throws UsageError naming the flag */
export function readingOptions(file: string, options: TextOptions): ReadTraceOptions {
  const seconds = (us: number | undefined) => (us === undefined ? undefined : us / 1e6);
  return given<ReadTraceOptions>({
    shown: file,
    format: traceFormat(options.format),
    blockSizeTokens: count("--block-size-tokens", options.blockSizeTokens),
    span: given<NonNullable<ReadTraceOptions["span"]>>({
      startSeconds: seconds(durationUs("--servegen-start", options.servegenStart)),
      durationSeconds: seconds(durationUs("--servegen-duration", options.servegenDuration)),
      seed: text(options.seed),
    }),
  });
}

/** How a trace file is read and what is done to its requests. @throws UsageError naming the flag */
export function openingOptions(file: string, options: TextOptions): OpenTraceOptions {
  const transform = given<TraceTransform>({
    windowStartUs: durationUs("--window-start", options.windowStart),
    windowEndUs: durationUs("--window-end", options.windowEnd),
    limit: count("--limit", options.limit),
    jitterUs: durationUs("--jitter", options.jitter),
    seed: text(options.seed),
    promptLengthScale: positive("--prompt-length-scale", options.promptLengthScale),
    outputLengthScale: positive("--output-length-scale", options.outputLengthScale),
    timeScale: positive("--time-scale", options.timeScale),
    rateScale: positive("--rate-scale", options.rateScale),
    repeat: count("--repeat", options.repeat),
  });
  const { windowStartUs = 0, windowEndUs = Number.POSITIVE_INFINITY } = transform;
  if (windowEndUs <= windowStartUs) {
    throw new UsageError(`--window-end ${String(options.windowEnd)}: expected a time after --window-start`);
  }
  const rate = given<OpenTraceOptions>({ name: file, ratePerSecond: positive("--rate", options.rate) });
  return { ...readingOptions(file, options), ...transform, ...rate };
}

/** @throws UsageError for a format that nothing here reads */
function traceFormat(value: unknown): string | undefined {
  const name = text(value);
  const names = ["auto", ...traceFormats.map((format) => format.name)];
  if (name === undefined || names.includes(name)) return name;
  throw new UsageError(`--format ${name}: unknown format${didYouMean(name, names)}; allowed: ${names.join(", ")}`);
}

const text = (value: unknown) => (value === undefined ? undefined : String(value));

/** @throws UsageError for anything but a number above 0 */
function positive(option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new UsageError(`${option} ${String(value)}: expected a number above 0`);
}

/** @throws UsageError for anything but a whole number, 1 or more */
export function count(option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= 2 ** 31 - 1) return number;
  throw new UsageError(`${option} ${String(value)}: expected a whole number, 1 or more`);
}

/** @throws UsageError for text that is no duration */
export function durationUs(option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  try {
    return parseDurationUs(String(value));
  } catch (error) {
    throw new UsageError(`${option} ${String(value)}: ${(error as Error).message}`);
  }
}
