/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Wait after the first failure. Default 200. */
  readonly firstMs?: number;
  /** Longest wait. Default 30,000. */
  readonly longestMs?: number;
  /** From 0 to 1; default Math.random. */
  readonly random?: () => number;
}

/** Waits that double from failure to failure, each drawn from its upper half so that many clients do not return at once. */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(options: BackoffOptions = {}) {
    this.#firstMs = options.firstMs ?? 200;
    this.#longestMs = options.longestMs ?? 30_000;
    this.#random = options.random ?? Math.random;
  }

  /** The next wait. */
  nextMs(): number {
    const wholeMs = Math.min(this.#longestMs, this.#firstMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    return wholeMs / 2 + (wholeMs / 2) * this.#random();
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** Waits, or until `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
