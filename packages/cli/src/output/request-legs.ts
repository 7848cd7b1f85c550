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
    ...encodeLegs(facts, first),
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

/** Of a request whose images another pod encodes for the one that computes its prompt. */
function encodeLegs(facts: RequestFacts, first: string): LegEnd[] {
  const { encodeReplica, encodeScheduledSeconds = null, encodeFinishSeconds = null } = facts;
  if (encodeReplica == null) return [];
  const { embeddingsStartSeconds = null, embeddingsEndSeconds = null } = facts;
  return [
    { name: "call of the encode pod, its queue", on: encodeReplica, endSeconds: encodeScheduledSeconds },
    { name: "encode", on: encodeReplica, endSeconds: encodeFinishSeconds },
    { name: "answer of the encode pod", on: facts.replica ?? "", endSeconds: embeddingsStartSeconds },
    { name: "embeddings", on: `${encodeReplica} → ${first}`, endSeconds: embeddingsEndSeconds },
  ];
}

/** The legs of a request that had more than a queue, a prefill and a decode; undefined for others. */
export function legsTable(facts: RequestFacts): Table | undefined {
  const waited = facts.passedOverSeconds != null || (facts.adapterLoadSeconds ?? 0) > 0;
  const elsewhere = facts.prefillReplica != null || facts.encodeReplica != null;
  if (!elsewhere && facts.loadStartSeconds == null && !waited) return undefined;
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

type Fleet = Pick<SimulationInput, "network" | "places">;

/**
 * The narrowest link on the way of what a request had moved between pods, such as `prefill-1 NIC out, 50.0 GB/s`; nothing of
 * what did not move.
 */
export function movedOver(
  fleet: Fleet,
  { requests }: Pick<SimulationResult, "requests">,
  row: number,
): Pick<RequestFacts, "transferOver" | "embeddingsOver"> {
  const { disaggregation: legs, encode } = requests;
  const decode = requests.replica[row] ?? -1;
  const prefill = legs?.prefillReplica[row] ?? -1;
  const transferOver = Number.isNaN(legs?.transferEndUs[row] ?? NaN) ? undefined : narrowest(fleet, prefill, decode);
  const to = prefill < 0 ? decode : prefill;
  const moved = !Number.isNaN(encode?.embeddingsEndUs[row] ?? NaN);
  const embeddingsOver = moved ? narrowest(fleet, encode?.encodeReplica[row] ?? -1, to) : undefined;
  return {
    ...(transferOver === undefined ? {} : { transferOver }),
    ...(embeddingsOver === undefined ? {} : { embeddingsOver }),
  };
}

function narrowest({ network, places }: Fleet, from: number, to: number): string | undefined {
  if (network === undefined || from < 0 || to < 0) return undefined;
  const { links } = network.pathBetween(places?.[from] ?? from, places?.[to] ?? to);
  const over = links.flatMap((link) => network.links[link] ?? []);
  if (over.length === 0) return undefined;
  const { name, bytesPerSecond } = over.reduce((a, b) => (b.bytesPerSecond < a.bytesPerSecond ? b : a));
  return `${name}, ${formatNumber(bytesPerSecond / 1e9)} GB/s`;
}
