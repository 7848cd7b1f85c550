import { pino } from "pino";
import type { Log } from "../host/log.ts";
import { allowedFields, clipped } from "./log-fields.ts";

/** `--v` from which lines of level debug are written, as upstream. */
export const DEBUG_VERBOSITY = 4;

export interface LogOptions {
  /** `--v`. */
  readonly verbosity: number;
  /** Takes whole lines; standard error unless given. */
  readonly write?: (line: string) => void;
}

/** Logs as JSON, a line each: level, time, msg, and fields that are known to hold no content. */
export function createLog({ verbosity, write }: LogOptions): Log {
  const logger = pino(
    {
      level: verbosity >= DEBUG_VERBOSITY ? "debug" : "info",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    write === undefined ? pino.destination({ dest: 2, sync: true }) : { write },
  );
  const at = (level: "debug" | "info" | "warn" | "error") => (fields: object, message: string) => {
    if (logger.isLevelEnabled(level)) logger[level](allowedFields(fields), clipped(message));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
