const INTERRUPTED = 130;

/** A signal ends the process by an exit, which ends the programs that it has started; a bare signal would leave them. */
export function exitOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(INTERRUPTED));
}
