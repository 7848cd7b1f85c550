import { formatCount, formatSeconds } from "../output/numbers.ts";
import type { Terminal } from "./terminal.ts";

/** Says on stderr how far a run is. */
export interface Progress {
  update(ended: number, total: number): void;
  /** Removes the progress line. */
  clear(): void;
}

const TTY_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 10_000;

/** One line with an ETA that rewrites itself on a terminal; a line every ten seconds elsewhere; nothing when quiet. */
export function createProgress(terminal: Terminal, label: string, quiet: boolean): Progress {
  if (quiet) return { update: () => {}, clear: () => {} };
  const inPlace = terminal.errIsTty && !terminal.env.CI && terminal.env.TERM !== "dumb";
  const interval = inPlace ? TTY_INTERVAL_MS : LINE_INTERVAL_MS;
  const startMs = terminal.nowMs();
  let lastMs = startMs;
  let shown = false;
  return {
    update: (ended, total) => {
      const nowMs = terminal.nowMs();
      if (nowMs - lastMs < interval) return;
      lastMs = nowMs;
      const fraction = total > 0 ? ended / total : 0;
      const elapsed = (nowMs - startMs) / 1000;
      const eta = fraction > 0 ? `, ${formatSeconds((elapsed * (1 - fraction)) / fraction)} left` : "";
      const line = `${label}: ${formatCount(ended)} of ${formatCount(total)} requests (${Math.floor(fraction * 100)} %)${eta}`;
      terminal.err(inPlace ? `\r\u001b[K${line}` : `${line}\n`);
      shown = inPlace;
    },
    clear: () => {
      if (shown) terminal.err("\r\u001b[K");
      shown = false;
    },
  };
}
