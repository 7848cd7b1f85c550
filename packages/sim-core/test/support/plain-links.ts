import type { Link } from "../../src/network/links.ts";

/** A transfer to try: its links, size and start. */
export interface TrialTransfer {
  readonly links: readonly number[];
  readonly bytes: number;
  readonly startUs: number;
  /** Gives up then, unless it has ended. */
  readonly cancelUs?: number;
}

interface Flow {
  readonly index: number;
  readonly links: readonly number[];
  readonly cancelUs: number;
  left: number;
}

/** When each transfer's last byte is there, unrounded: every rate worked out anew at every change. NaN for one given up. */
export function plainEndsUs(links: readonly Link[], transfers: readonly TrialTransfer[]): number[] {
  const ends = transfers.map(() => Number.NaN);
  const waiting = transfers.map((transfer, index) => ({ ...transfer, index })).sort((a, b) => a.startUs - b.startUs);
  let flows: Flow[] = [];
  let nowUs = 0;
  while (waiting.length > 0 || flows.length > 0) {
    const rates = plainRates(links, flows);
    const drainsUs = flows.map((flow, i) => nowUs + flow.left / rates[i]!);
    const next = Math.min(waiting[0]?.startUs ?? Infinity, ...drainsUs, ...flows.map(({ cancelUs }) => cancelUs));
    for (const [i, flow] of flows.entries()) {
      flow.left = drainsUs[i]! <= next ? 0 : flow.left - rates[i]! * (next - nowUs);
    }
    nowUs = next;
    for (const { index, links: path, left } of flows) {
      if (left <= 0) ends[index] = nowUs + path.reduce((sum, link) => sum + links[link]!.latencyUs, 0);
    }
    flows = flows.filter(({ left, cancelUs }) => left > 0 && cancelUs > nowUs);
    while (waiting[0] && waiting[0].startUs <= nowUs) {
      const { index, links: path, bytes, cancelUs = Infinity } = waiting.shift()!;
      flows.push({ index, links: path, cancelUs, left: bytes });
    }
  }
  return ends;
}

/** Max-min fair rates in bytes a microsecond, by raising all alike until a link is full. */
function plainRates(links: readonly Link[], flows: readonly { links: readonly number[] }[]): number[] {
  const rates = flows.map(() => Number.NaN);
  for (;;) {
    let full = -1;
    let least = Infinity;
    for (const [link, { bytesPerSecond }] of links.entries()) {
      const over = flows.map((flow, i) => ({ flow, i })).filter(({ flow }) => flow.links.includes(link));
      const open = over.filter(({ i }) => Number.isNaN(rates[i]));
      const taken = over.reduce((sum, { i }) => sum + (Number.isNaN(rates[i]) ? 0 : rates[i]!), 0);
      const share = open.length === 0 ? Infinity : (bytesPerSecond / 1e6 - taken) / open.length;
      if (share < least) [full, least] = [link, share];
    }
    if (full < 0) return rates;
    for (const [i, flow] of flows.entries()) {
      if (Number.isNaN(rates[i]) && flow.links.includes(full)) rates[i] = least;
    }
  }
}
