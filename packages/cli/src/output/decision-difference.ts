import type { DecisionRecord } from "@windtunnel/router-policies";
import { contribution, shortFact } from "./decision-tables.ts";
import { formatCount, formatSeconds } from "./numbers.ts";
import type { RequestFacts } from "./request-timeline.ts";

/** One policy's treatment of the request. */
export interface ExplainedRequest {
  readonly policy: string;
  readonly facts: RequestFacts;
  readonly record?: DecisionRecord;
}

/** What two policies did with the same request, and what in the second one's scores made the difference. */
export function differenceLines(first: ExplainedRequest, second: ExplainedRequest): string[] {
  const a = first.facts;
  const b = second.facts;
  const lines = [
    a.replica === b.replica
      ? `Both sent it to ${a.replica ?? "nothing"}.`
      : `${first.policy} sent it to ${a.replica ?? "nothing"}, ${second.policy} to ${b.replica ?? "nothing"}.`,
    `Prompt tokens cached: ${formatCount(a.cachedTokens)} against ${formatCount(b.cachedTokens)}.`,
    pair("Queue time", a.queueTimeSeconds, b.queueTimeSeconds),
    pair("TTFT", a.ttftSeconds, b.ttftSeconds),
    pair("TPOT", a.tpotSeconds, b.tpotSeconds),
    pair("E2E", a.e2eSeconds, b.e2eSeconds),
  ].filter((line) => line !== "");
  if (a.replica !== null && b.replica !== null && a.replica !== b.replica) {
    lines.push(...whyLines(second, b.replica, a.replica), ...whyLines(first, a.replica, b.replica));
  }
  return lines;
}

function pair(title: string, a: number | null, b: number | null): string {
  if (a === null || b === null) return "";
  return `${title}: ${formatSeconds(a)} against ${formatSeconds(b)} (${b === a ? "same" : `${b > a ? "+" : "-"}${formatSeconds(Math.abs(b - a))}`}).`;
}

/** Which scorers put `chosen` above `other` in a policy's own scores. */
function whyLines({ policy, record }: ExplainedRequest, chosen: string, other: string): string[] {
  const profile = record?.profiles.find(({ primary }) => primary) ?? record?.profiles[0];
  if (!profile || profile.scorers.length === 0)
    return profile ? [`Why ${policy} did so: ${profile.picker} reads no scores.`] : [];
  const dropped = profile.filters.find((filter) => filter.dropped.includes(other));
  if (dropped) return [`Why ${policy} did so: its filter ${dropped.filter} had dropped ${other}.`];
  const gaps = profile.scorers
    .map(({ scorer, weight, scores, facts }) => ({
      scorer,
      gap: contribution(scores[chosen] ?? 0, weight) - contribution(scores[other] ?? 0, weight),
      fact:
        facts?.[chosen] === undefined
          ? ""
          : ` (${shortFact(facts[chosen])} against ${shortFact(facts[other] ?? "nothing")})`,
    }))
    .filter(({ gap }) => gap !== 0)
    .sort((x, y) => Math.abs(y.gap) - Math.abs(x.gap));
  const total = (profile.totals[chosen] ?? 0) - (profile.totals[other] ?? 0);
  if (gaps.length === 0)
    return [`Why ${policy} did so: ${chosen} and ${other} scored the same; ${profile.picker} broke the tie.`];
  const parts = gaps.map(
    ({ scorer, gap, fact }) => `${scorer} ${gap > 0 ? "+" : "-"}${Math.abs(gap).toFixed(3)}${fact}`,
  );
  return [`Why ${policy} did so: ${chosen} scored ${total.toFixed(3)} more than ${other}: ${parts.join(", ")}.`];
}
