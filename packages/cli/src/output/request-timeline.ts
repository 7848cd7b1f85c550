import type { RequestColumns, SimulationResult } from "@windtunnel/sim-core";
import { Outcome } from "@windtunnel/sim-core";
import { formatBytes, formatCount, formatNumber, formatPercent, formatSeconds, plural } from "./numbers.ts";
import type { Table } from "./table.ts";

/** One request of a run, in seconds of simulated time. */
export interface RequestFacts {
  readonly row: number;
  readonly outcome: string;
  readonly replica: string | null;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly preemptions: number;
  // What was loaded from tiers below HBM; only where there are some.
  /** Tokens by tier, such as `host-dram:8000 nvme:2000`. */
  readonly loadedFrom?: string | null;
  readonly loadedBytes?: number;
  readonly loadStartSeconds?: number | null;
  readonly loadEndSeconds?: number | null;
  // Of a fleet that serves LoRA adapters: which, when it was first passed over for want of a place, and how long its first
  // step waited for it.
  readonly adapter?: string | null;
  readonly passedOverSeconds?: number | null;
  readonly adapterLoadSeconds?: number;
  /** Images, audio and video in the prompt; only of a workload that has some. */
  readonly items?: number;
  // Of requests whose images, audio and video another pod encodes; only where pods may do that.
  readonly encodeReplica?: string | null;
  readonly encodeScheduledSeconds?: number | null;
  readonly encodeFinishSeconds?: number | null;
  readonly embeddingsStartSeconds?: number | null;
  readonly embeddingsEndSeconds?: number | null;
  readonly embeddingsBytes?: number;
  /** The narrowest link of the embeddings' way; only where the fleet is at hand. */
  readonly embeddingsOver?: string;
  // Of requests that one pod prefills for another; only where pods may do that.
  readonly prefillReplica?: string | null;
  readonly prefillFinishSeconds?: number | null;
  readonly transferStartSeconds?: number | null;
  readonly transferEndSeconds?: number | null;
  readonly transferredBytes?: number;
  readonly decodeCachedTokens?: number;
  readonly decodeScheduledSeconds?: number | null;
  readonly prefillFailures?: number;
  readonly holdTimeouts?: number;
  /** The narrowest link of the transfer's way; only where the fleet is at hand. */
  readonly transferOver?: string;
  readonly arrivalSeconds: number | null;
  readonly scheduledSeconds: number | null;
  readonly firstTokenSeconds: number | null;
  readonly finishSeconds: number | null;
  readonly queueTimeSeconds: number | null;
  readonly ttftSeconds: number | null;
  readonly tpotSeconds: number | null;
  readonly e2eSeconds: number | null;
}

const OUTCOME_NAMES: Readonly<Record<number, string>> = {
  [Outcome.unfinished]: "unfinished",
  [Outcome.completed]: "completed",
  [Outcome.rejected]: "rejected",
  [Outcome.refusedTooLong]: "refused-too-long",
  [Outcome.cancelled]: "cancelled",
  [Outcome.timedOut]: "timed-out",
  [Outcome.overflowed]: "overflowed",
};

function outcomeName(outcome: number): string {
  return OUTCOME_NAMES[outcome] ?? "unknown";
}

/** A time or a duration; null where it never came. */
const secondsOf = (us = Number.NaN): number | null => (Number.isNaN(us) ? null : us / 1e6);

/** What happened to one row. */
export function requestFacts(
  { requests: r, replicas }: Pick<SimulationResult, "requests" | "replicas">,
  row: number,
): RequestFacts {
  const at = (column: Float64Array) => column[row] ?? Number.NaN;
  const arrival = at(r.arrivalUs);
  const done = r.outcome[row] === Outcome.completed;
  const outputTokens = r.outputTokens[row] ?? 0;
  const decodeUs = at(r.finishUs) - at(r.firstTokenUs);
  return {
    row,
    outcome: outcomeName(r.outcome[row] ?? 0),
    replica: replicas[r.replica[row] ?? -1]?.name ?? null,
    promptTokens: r.promptTokens[row] ?? 0,
    outputTokens,
    cachedTokens: r.cachedTokens[row] ?? 0,
    preemptions: r.preemptions[row] ?? 0,
    ...(r.tiers ? tierLoads(r.tiers, row) : {}),
    ...(r.lora ? adapterFacts(r.lora, row) : {}),
    ...(r.items ? { items: r.items[row] ?? 0 } : {}),
    ...(r.encode ? remoteEncode(r.encode, replicas, row) : {}),
    ...(r.disaggregation ? remotePrefill(r.disaggregation, replicas, row) : {}),
    arrivalSeconds: secondsOf(arrival),
    scheduledSeconds: secondsOf(at(r.scheduledUs)),
    firstTokenSeconds: secondsOf(at(r.firstTokenUs)),
    finishSeconds: secondsOf(at(r.finishUs)),
    queueTimeSeconds: secondsOf(at(r.scheduledUs) - arrival),
    ttftSeconds: secondsOf(at(r.firstTokenUs) - arrival),
    tpotSeconds: done && outputTokens > 1 ? secondsOf(decodeUs / (outputTokens - 1)) : null,
    e2eSeconds: done ? secondsOf(at(r.finishUs) - arrival) : null,
  };
}

function tierLoads(tiers: NonNullable<RequestColumns["tiers"]>, row: number) {
  const from = tiers.sources.flatMap((source, at) => {
    const tokens = tiers.hitTokens[at]?.[row] ?? 0;
    return tokens === 0 ? [] : [`${source}:${tokens}`];
  });
  return {
    loadedFrom: from.length === 0 ? null : from.join(" "),
    loadedBytes: tiers.loadedBytes[row] ?? 0,
    loadStartSeconds: secondsOf(tiers.loadStartUs[row]),
    loadEndSeconds: secondsOf(tiers.loadEndUs[row]),
  };
}

function adapterFacts(lora: NonNullable<RequestColumns["lora"]>, row: number) {
  const skippedUs = lora.skippedUs[row] ?? Number.NaN;
  return {
    adapter: lora.adapters[lora.adapterOf[row] ?? -1] ?? null,
    passedOverSeconds: Number.isNaN(skippedUs) ? null : skippedUs / 1e6,
    adapterLoadSeconds: (lora.loadUs[row] ?? 0) / 1e6,
  };
}

function remoteEncode(
  legs: NonNullable<RequestColumns["encode"]>,
  replicas: SimulationResult["replicas"],
  row: number,
) {
  return {
    encodeReplica: replicas[legs.encodeReplica[row] ?? -1]?.name ?? null,
    encodeScheduledSeconds: secondsOf(legs.encodeScheduledUs[row]),
    encodeFinishSeconds: secondsOf(legs.encodeFinishUs[row]),
    embeddingsStartSeconds: secondsOf(legs.embeddingsStartUs[row]),
    embeddingsEndSeconds: secondsOf(legs.embeddingsEndUs[row]),
    embeddingsBytes: legs.embeddingsBytes[row] ?? 0,
  };
}

function remotePrefill(
  legs: NonNullable<RequestColumns["disaggregation"]>,
  replicas: SimulationResult["replicas"],
  row: number,
) {
  return {
    prefillReplica: replicas[legs.prefillReplica[row] ?? -1]?.name ?? null,
    prefillFinishSeconds: secondsOf(legs.prefillFinishUs[row]),
    transferStartSeconds: secondsOf(legs.transferStartUs[row]),
    transferEndSeconds: secondsOf(legs.transferEndUs[row]),
    transferredBytes: legs.transferredBytes[row] ?? 0,
    decodeCachedTokens: legs.decodeCachedTokens[row] ?? 0,
    decodeScheduledSeconds: secondsOf(legs.decodeScheduledUs[row]),
    prefillFailures: legs.prefillFailures[row] ?? 0,
    holdTimeouts: legs.holdTimeouts[row] ?? 0,
  };
}

/** The request's moments in order, each with what it means. */
export function timelineTable(facts: RequestFacts): Table {
  const rows: string[][] = [];
  const moment = (seconds: number | null, name: string, remark: string) => {
    if (seconds === null) return;
    const since = seconds - (facts.arrivalSeconds ?? seconds);
    rows.push([`${seconds.toFixed(6)} s`, since === 0 ? "" : `+${formatSeconds(since)}`, name, remark]);
  };
  const asks = facts.adapter == null ? "" : ` for ${facts.adapter}`;
  moment(facts.arrivalSeconds, "arrival", `${formatCount(facts.promptTokens)} prompt tokens${withItems(facts)}${asks}`);
  for (const { seconds, event, remark } of remoteEncodeMoments(facts)) moment(seconds, event, remark);
  moment(facts.passedOverSeconds ?? null, "passed over", `${facts.adapter} has no place in the batch`);
  const { loadStartSeconds = null, loadEndSeconds = null } = facts;
  moment(loadStartSeconds, "KV load starts", loaded(facts));
  moment(loadEndSeconds, "KV load ends", `took ${formatSeconds((loadEndSeconds ?? 0) - (loadStartSeconds ?? 0))}`);
  if (facts.prefillReplica == null) {
    moment(facts.scheduledSeconds, "first step", `on ${facts.replica}; ${cached(facts)}`);
    const waits = facts.adapterLoadSeconds ?? 0;
    const there = facts.scheduledSeconds === null || waits === 0 ? null : facts.scheduledSeconds + waits;
    moment(there, "adapter in its slot", `the batch waited ${formatSeconds(waits)} for ${facts.adapter}`);
  } else {
    for (const { seconds, event, remark } of remotePrefillMoments(facts)) moment(seconds, event, remark);
  }
  moment(facts.firstTokenSeconds, "first token", `TTFT ${formatSeconds(facts.ttftSeconds ?? 0)}`);
  const tpot = facts.tpotSeconds === null ? "" : `, TPOT ${formatSeconds(facts.tpotSeconds)}`;
  const preempted = facts.preemptions > 0 ? `, preempted ${facts.preemptions} times` : "";
  moment(facts.finishSeconds, facts.outcome, `${formatCount(facts.outputTokens)} output tokens${tpot}${preempted}`);
  if (facts.finishSeconds === null) rows.push(["", "", facts.outcome, ""]);
  return {
    title: "Timeline",
    columns: [{ title: "time", align: "right" }, { title: "since", align: "right" }, { title: "event" }, { title: "" }],
    rows,
  };
}

function withItems({ items = 0 }: RequestFacts): string {
  return items === 0 ? "" : `, those of ${plural(items, "multimodal item")} among them`;
}

/** What happens to images that one pod encodes for another. */
function remoteEncodeMoments(facts: RequestFacts) {
  const { encodeReplica, encodeScheduledSeconds = null, encodeFinishSeconds = null } = facts;
  if (encodeReplica == null) return [];
  const { embeddingsStartSeconds = null, embeddingsEndSeconds = null, embeddingsBytes = 0, embeddingsOver } = facts;
  const to = facts.prefillReplica ?? facts.replica;
  const over = embeddingsOver === undefined ? "" : ` over ${embeddingsOver}`;
  const tookSeconds = (embeddingsEndSeconds ?? 0) - (embeddingsStartSeconds ?? 0);
  return [
    { seconds: encodeScheduledSeconds, event: "encode starts", remark: `on ${encodeReplica}` },
    { seconds: encodeFinishSeconds, event: "encode ends", remark: `on ${encodeReplica}` },
    {
      seconds: embeddingsStartSeconds,
      event: "embeddings start",
      remark: `to ${to}; ${formatBytes(embeddingsBytes)}`,
    },
    { seconds: embeddingsEndSeconds, event: "embeddings end", remark: `took ${formatSeconds(tookSeconds)}${over}` },
  ];
}

/** What happens to a prompt that one pod computes for another, in the order of time. */
function remotePrefillMoments(facts: RequestFacts) {
  const { prefillReplica, replica, prefillFailures = 0, transferredBytes = 0, decodeCachedTokens = 0 } = facts;
  const { prefillFinishSeconds = null, transferStartSeconds = null, transferEndSeconds = null } = facts;
  const failed = prefillFailures > 0 ? `; ${plural(prefillFailures, "call")} of ${prefillReplica} failed` : "";
  const where = prefillFinishSeconds === null ? replica : prefillReplica;
  const size = `${formatBytes(transferredBytes)} of KV cache`;
  const had = decodeCachedTokens > 0 ? `, ${formatCount(decodeCachedTokens)} tokens were there already` : "";
  const tookSeconds = (transferEndSeconds ?? 0) - (transferStartSeconds ?? 0);
  const over = facts.transferOver === undefined ? "" : ` over ${facts.transferOver}`;
  const late = facts.holdTimeouts ? "after a pod had waited for too long" : "with the prompt in its cache";
  const moments: { seconds: number | null; event: string; remark: string }[] = [
    { seconds: facts.scheduledSeconds, event: "prefill starts", remark: `on ${where}; ${cached(facts)}${failed}` },
    { seconds: prefillFinishSeconds, event: "prefill ends", remark: `on ${prefillReplica}` },
    { seconds: transferStartSeconds, event: "transfer starts", remark: `to ${replica}; ${size}${had}` },
    { seconds: transferEndSeconds, event: "transfer ends", remark: `took ${formatSeconds(tookSeconds)}${over}` },
  ];
  if (prefillFinishSeconds !== null) {
    moments.push({
      seconds: facts.decodeScheduledSeconds ?? null,
      event: "decode's first step",
      remark: `on ${replica}, ${late}`,
    });
  }
  return moments.sort((a, b) => (a.seconds ?? 0) - (b.seconds ?? 0));
}

function loaded({ loadedFrom, loadedBytes = 0 }: RequestFacts): string {
  const parts = (loadedFrom ?? "").split(" ").map((part) => {
    const [source = "", tokens] = part.split(":");
    return `${formatCount(Number(tokens))} tokens from ${source}`;
  });
  return `${parts.join(", ")}; ${formatNumber(loadedBytes / 1e6)} MB`;
}

function cached({ cachedTokens, promptTokens }: RequestFacts): string {
  if (cachedTokens === 0) return "nothing of the prompt cached";
  return `${formatCount(cachedTokens)} prompt tokens cached (${formatPercent(cachedTokens / promptTokens)})`;
}
