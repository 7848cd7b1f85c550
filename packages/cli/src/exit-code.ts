/** What the process says when it ends; scripts rely on these. */
export const ExitCode = {
  pass: 0,
  crash: 1,
  /** Bad usage, configuration or input. */
  usage: 2,
  noFeasiblePlan: 97,
  /** No data, or too little to decide. */
  inconclusive: 98,
  gateFailed: 99,
  /** Stopped by the user; partial results were written. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A mistake in how the command was called; its message is the whole answer, without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
