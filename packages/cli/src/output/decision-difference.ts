import type { DecisionRecord } from "@windtunnel/router-policies";
import { contribution, shortFact } from "./decision-tables.ts";
import { formatChange, formatCount, formatPercent, formatSeconds } from "./numbers.ts";
import type { RequestFacts } from "./request-timeline.ts";
import type { Cell, Table } from "./table.ts";

/** One policy's treatment of the request. */
export interface ExplainedRequest {
  readonly policy: string;
  readonly facts: RequestFacts;
  readonly record?: DecisionRecord;
}

/** What two policies did with the same request, side by side. */
export function differenceTable(first: ExplainedRequest, second: ExplainedRequest): Table {
  const a = first.facts;
  const b = second.facts;
  return {
    columns: [
      { title: "" },
      { title: first.policy, align: "right" },
      { title: second.policy, align: "right" },
      { title: "difference", align: "right" },
    ],
    rows: [
      ["Sent to", servedBy(a) ?? "nothing", servedBy(b) ?? "nothing", ""],
      ["Prompt cached", cachedText(a), cachedText(b), cachedChange(a, b)],
      ...durationRow("Queue time", a.queueTimeSeconds, b.queueTimeSeconds),
      ...legRow("Embeddings there", encodeSeconds(a), encodeSeconds(b)),
      ...legRow("Transfer", transferSeconds(a), transferSeconds(b)),
      ...durationRow("TTFT", a.ttftSeconds, b.ttftSeconds),
      ...durationRow("TPOT", a.tpotSeconds, b.tpotSeconds),
      ...durationRow("E2E", a.e2eSeconds, b.e2eSeconds),
    ],
  };
}

/** The pods that served a request: who encoded and who prefilled for the one that decoded it. */
export function servedBy(facts: RequestFacts): string | null {
  const { replica, prefillReplica, prefillFinishSeconds, encodeReplica, encodeFinishSeconds } = facts;
  const others = [
    ...(encodeReplica == null || encodeFinishSeconds == null ? [] : [encodeReplica]),
    ...(prefillReplica == null || prefillFinishSeconds == null ? [] : [prefillReplica]),
  ];
  return others.length === 0 ? replica : [...others, replica].join(" + ");
}

/** From its arrival until what another pod has encoded is there. */
function encodeSeconds({ arrivalSeconds, embeddingsEndSeconds }: RequestFacts): number | null {
  return embeddingsEndSeconds == null || arrivalSeconds == null ? null : embeddingsEndSeconds - arrivalSeconds;
}

function transferSeconds({ transferStartSeconds, transferEndSeconds }: RequestFacts): number | null {
  return transferEndSeconds == null || transferStartSeconds == null ? null : transferEndSeconds - transferStartSeconds;
}

/** A duration that one of the two may not have. */
function legRow(title: string, a: number | null, b: number | null): Cell[][] {
  if (a === null && b === null) return [];
  const text = (seconds: number | null) => (seconds === null ? "–" : formatSeconds(seconds));
  return [[title, text(a), text(b), ""]];
}

function cachedText({ cachedTokens, promptTokens }: RequestFacts): string {
  return `${formatCount(cachedTokens)} of ${formatCount(promptTokens)} (${formatPercent(cachedTokens / promptTokens)})`;
}

function cachedChange(a: RequestFacts, b: RequestFacts): Cell {
  const change = b.cachedTokens - a.cachedTokens;
  if (change === 0) return "same";
  return {
    text: `${change > 0 ? "+" : "-"}${formatCount(Math.abs(change))} tokens`,
    tone: change > 0 ? "good" : "bad",
  };
}

function durationRow(title: string, a: number | null, b: number | null): Cell[][] {
  if (a === null || b === null) return [];
  const change = formatChange(a, b);
  const tone = change === "same" ? "dim" : b < a ? "good" : "bad";
  return [[title, formatSeconds(a), formatSeconds(b), { text: change, tone }]];
}

/** Why each policy chose as it did, where they chose otherwise. */
export function whyBoth(first: ExplainedRequest, second: ExplainedRequest): string[] {
  const a = first.facts.replica;
  const b = second.facts.replica;
  if (a === null || b === null) return ["One of them sent it nowhere: see below."];
  if (a === b) {
    return [`Both sent it to ${a}; what differs there is what each had sent to it before.`];
  }
  return [why(first, a, b), why(second, b, a)];
}

/** What put `chosen` above `other` in a policy's own eyes. */
function why({ policy, record }: ExplainedRequest, chosen: string, other: string): string {
  const profile = record?.profiles.find(({ primary }) => primary) ?? record?.profiles[0];
  const start = `Why ${policy} chose ${chosen}:`;
  if (!profile) return `${start} no decision was recorded.`;
  if (profile.scorers.length === 0) return `${start} ${profile.picker} reads no scores.`;
  const dropped = profile.filters.find((filter) => filter.dropped.includes(other));
  if (dropped) return `${start} its filter ${dropped.filter} had dropped ${other}.`;
  const gaps = profile.scorers
    .map(({ scorer, weight, scores, facts }) => ({
      scorer,
      gap: contribution(scores[chosen] ?? 0, weight) - contribution(scores[other] ?? 0, weight),
      fact:
        facts?.[chosen] === undefined
          ? ""
          : ` (${shortFact(facts[chosen])}, against ${shortFact(facts[other] ?? "nothing")})`,
    }))
    .filter(({ gap }) => gap !== 0)
    .sort((x, y) => Math.abs(y.gap) - Math.abs(x.gap));
  if (gaps.length === 0) return `${start} it scored the same as ${other}; ${profile.picker} broke the tie.`;
  const total = (profile.totals[chosen] ?? 0) - (profile.totals[other] ?? 0);
  const parts = gaps.map(
    ({ scorer, gap, fact }) => `\n  ${gap > 0 ? "+" : "-"}${Math.abs(gap).toFixed(3)}  ${scorer}${fact}`,
  );
  return `${start} it scored ${Math.abs(total).toFixed(3)} ${total < 0 ? "less" : "more"} than ${other}, of which${parts.join("")}`;
}
