import type { SimulationInput, SimulationResult } from "@windtunnel/sim-core";
import { formatNumber, formatPercent, formatSeconds } from "./numbers.ts";
import type { RequestFacts } from "./request-timeline.ts";
import type { Table } from "./table.ts";

/** A stretch of a request's life that one thing took. */
export interface Leg {
  readonly name: string;
  /** The replica, or the two between which something moved. */
  readonly on: string;
  readonly seconds: number;
}

/**
 * Where the request's time went, from its arrival to its end: each leg ends where the next begins, so they add up to E2E.
 */
export function legsOf(facts: RequestFacts): Leg[] {
  const legs: Leg[] = [];
  let from = facts.arrivalSeconds;
  for (const { name, on, endSeconds } of endsOfLegs(facts)) {
    // What ran beside an earlier leg, as layers sent during the prefill, is part of that.
    if (from === null || endSeconds === null || endSeconds <= from) continue;
    legs.push({ name, on, seconds: endSeconds - from });
    from = endSeconds;
  }
  return legs;
}

interface LegEnd {
  readonly name: string;
  readonly on: string;
  readonly endSeconds: number | null;
}

function endsOfLegs(facts: RequestFacts): LegEnd[] {
  const { loadStartSeconds = null, loadEndSeconds = null } = facts;
  const decode = facts.replica ?? "";
  const leg = (name: string, on: string, endSeconds: number | null): LegEnd => ({ name, on, endSeconds });
  const { transferStartSeconds = null, transferEndSeconds = null, prefillFinishSeconds = null } = facts;
  const remote = prefillFinishSeconds !== null && typeof facts.prefillReplica === "string";
  const first = remote ? (facts.prefillReplica ?? "") : decode;
  const moved = transferEndSeconds !== null;
  const loadsFirst = loadEndSeconds === null || loadEndSeconds <= (facts.scheduledSeconds ?? 0);
  const load = [leg("queue, until room", first, loadStartSeconds), leg("load from tiers", first, loadEndSeconds)];
  const { passedOverSeconds = null, adapterLoadSeconds = 0, scheduledSeconds } = facts;
  const slot = passedOverSeconds !== null;
  const adapter = adapterLoadSeconds > 0 && scheduledSeconds !== null ? scheduledSeconds + adapterLoadSeconds : null;
  return [
    ...(loadsFirst ? load : []),
    leg("queue", first, passedOverSeconds),
    ...(slot ? [leg("wait for an adapter slot", first, scheduledSeconds)] : []),
    leg(remote ? "call of the prefill pod, its queue" : "queue", first, facts.scheduledSeconds),
    leg("adapter load", first, adapter),
    ...(remote ? [leg("prefill", first, prefillFinishSeconds)] : []),
    ...(moved
      ? [
          leg("answer, until room at the decode pod", decode, transferStartSeconds),
          leg("transfer", `${first} → ${decode}`, transferEndSeconds),
        ]
      : []),
    leg("wait for a decode step", decode, facts.decodeScheduledSeconds ?? null),
    leg(moved ? "last prompt token" : "prefill", decode, facts.firstTokenSeconds),
    leg("decode", decode, facts.finishSeconds),
  ];
}

/** The legs of a request that had more than a queue, a prefill and a decode; undefined for others. */
export function legsTable(facts: RequestFacts): Table | undefined {
  const waited = facts.passedOverSeconds != null || (facts.adapterLoadSeconds ?? 0) > 0;
  if (facts.prefillReplica == null && facts.loadStartSeconds == null && !waited) return undefined;
  const legs = legsOf(facts);
  const total = legs.reduce((sum, { seconds }) => sum + seconds, 0);
  const longest = Math.max(...legs.map(({ seconds }) => seconds));
  return {
    title: "Where the time went",
    columns: [{ title: "leg" }, { title: "on" }, { title: "took", align: "right" }, { title: "share", align: "right" }],
    rows: legs.map(({ name, on, seconds }) => {
      const cells = [name, on, formatSeconds(seconds), formatPercent(seconds / total)];
      return seconds === longest ? cells.map((text) => ({ text, tone: "bad" as const })) : cells;
    }),
  };
}

/** The narrowest link on a transferred request's way, such as `prefill-1 NIC out, 50.0 GB/s`; empty without a transfer. */
export function transferOver(
  { network, places }: Pick<SimulationInput, "network" | "places">,
  { requests }: Pick<SimulationResult, "requests">,
  row: number,
): { readonly transferOver?: string } {
  const legs = requests.disaggregation;
  if (network === undefined || legs === undefined || Number.isNaN(legs.transferEndUs[row])) return {};
  const [from, to] = [legs.prefillReplica[row] ?? -1, requests.replica[row] ?? -1];
  if (from < 0 || to < 0) return {};
  const { links } = network.pathBetween(places?.[from] ?? from, places?.[to] ?? to);
  const over = links.flatMap((link) => network.links[link] ?? []);
  if (over.length === 0) return {};
  const narrowest = over.reduce((a, b) => (b.bytesPerSecond < a.bytesPerSecond ? b : a));
  return { transferOver: `${narrowest.name}, ${formatNumber(narrowest.bytesPerSecond / 1e9)} GB/s` };
}
