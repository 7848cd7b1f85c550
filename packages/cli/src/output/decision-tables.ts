import type { CandidateRecord, DecisionRecord, ProfileRecord } from "@windtunnel/router-policies";
import { formatCount, formatNumber, formatPercent, formatSeconds } from "./numbers.ts";
import type { Cell, Table } from "./table.ts";

/** Endpoints beyond these are summed up in a line. */
const MAX_ENDPOINTS = 16;

/** Why a request went where it went: a sentence, then one table of scores per profile, then the signals. */
export function decisionTables(record: DecisionRecord): {
  readonly lines: readonly string[];
  readonly tables: readonly Table[];
} {
  const tables = record.profiles
    .filter((profile) => profile.scorers.length > 0)
    .flatMap((profile) => [scoreTable(profile), ...factTables(profile)]);
  // A router whose plugins read no metric is not given any.
  const blind = record.candidates.every((c) => c.metricsAgeUs === null && c.inFlightRequests === undefined);
  const lines = decisionLines(record);
  if (blind) return { lines: [...lines, "Its plugins read no signal of the endpoints"], tables };
  return { lines, tables: [...tables, signalTable(record)] };
}

function decisionLines(record: DecisionRecord): string[] {
  if (record.outcome === "rejected") return [`Rejected: ${record.reason ?? "no reason given"}`];
  if (record.outcome === "queued") return [`Queued: ${record.reason ?? "waiting for capacity"}`];
  return record.profiles.flatMap((profile) => {
    const role = record.profiles.length === 1 ? "" : ` (profile ${profile.profile})`;
    const lines = [`Sent to ${profile.picked.join(", ") || "nothing"}${role} by ${profile.picker}${margin(profile)}`];
    if (profile.tied.length > 1) {
      lines.push(
        `Tie: ${profile.tied.length} endpoints shared the best total (${some(profile.tied)}); the picker chose among them`,
      );
    }
    for (const { filter, dropped, why } of profile.filters) {
      const kept = dropped.length === 0 ? "dropped nothing" : `dropped ${some(dropped)}`;
      lines.push(`Filter ${filter}: ${kept}${why ? ` (${why})` : ""}`);
    }
    return lines;
  });
}

function margin({ margin: value, scorers }: ProfileRecord): string {
  if (scorers.length === 0) return "; it reads no scores";
  if (value === null) return ", the only candidate";
  return value === 0 ? ", margin 0" : `, margin ${value.toFixed(3)} over the next`;
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}

/** Endpoint names by total, best first: the first ones and those picked. */
function shownEndpoints(profile: ProfileRecord): { readonly names: readonly string[]; readonly left: number } {
  const names = Object.keys(profile.totals).sort((a, b) => (profile.totals[b] ?? 0) - (profile.totals[a] ?? 0));
  const shown = names.filter((name, index) => index < MAX_ENDPOINTS || profile.picked.includes(name));
  return { names: shown, left: names.length - shown.length };
}

/** Each scorer's cell is its raw score and what that is worth after its weight. */
function scoreTable(profile: ProfileRecord): Table {
  const { names, left } = shownEndpoints(profile);
  const rows = names.map((name): Cell[] => {
    const cells = profile.scorers.map(({ weight, scores }) => {
      const raw = scores[name];
      return raw === undefined ? "–" : `${raw.toFixed(3)} → ${contribution(raw, weight).toFixed(3)}`;
    });
    return emphasised(profile, name, [...cells, (profile.totals[name] ?? 0).toFixed(3)]);
  });
  if (left > 0) rows.push([{ text: `… ${left} more`, tone: "dim" }]);
  return {
    title: `Scores, profile ${profile.profile}: raw → weighted (* picked)`,
    columns: [
      { title: "Endpoint" },
      ...profile.scorers.map(({ scorer, weight }) => ({ title: `${scorer} ×${weight}`, align: "right" as const })),
      { title: "total", align: "right" },
    ],
    rows,
  };
}

function emphasised({ picked }: ProfileRecord, name: string, cells: readonly string[]): Cell[] {
  if (!picked.includes(name)) return [name, ...cells];
  return [`${name} *`, ...cells].map((text) => ({ text, tone: "good" }));
}

/** What the scores came from; a fact that is the same everywhere is no reason and is left out. */
function factTables(profile: ProfileRecord): Table[] {
  const { names } = shownEndpoints(profile);
  const telling = profile.scorers.filter(({ facts }) => new Set(names.map((name) => facts?.[name])).size > 1);
  if (telling.length === 0) return [];
  return [
    {
      title: "What the scores came from",
      columns: [{ title: "Endpoint" }, ...telling.map(({ scorer }) => ({ title: scorer }))],
      rows: names.map((name) =>
        emphasised(
          profile,
          name,
          telling.map(({ facts }) => shortFact(facts?.[name] ?? "–")),
        ),
      ),
    },
  ];
}

/** A fact with its fractions cut to three digits. */
export function shortFact(fact: string | number): string {
  return String(fact).replace(/\d+\.\d{4,}(?:e-?\d+)?/g, (digits) => formatNumber(Number(digits)));
}

/** A scorer's part of the total: clamped to [0, 1], then weighted. */
export function contribution(raw: number, weight: number): number {
  return weight * Math.min(1, Math.max(0, raw));
}

function signalTable({ candidates }: DecisionRecord): Table {
  const hasInFlight = candidates.some((candidate) => candidate.inFlightRequests !== undefined);
  const titles = [
    "Endpoint",
    "waiting",
    "running",
    "KV usage",
    ...(hasInFlight ? ["in flight"] : []),
    "age of metrics",
  ];
  const row = (c: CandidateRecord): Cell[] => [
    c.endpoint,
    formatCount(c.waitingQueueSize),
    formatCount(c.runningRequestsSize),
    formatPercent(c.kvCacheUsageFraction),
    ...(hasInFlight ? [formatCount(c.inFlightRequests ?? 0)] : []),
    c.metricsAgeUs === null ? "never scraped" : formatSeconds(c.metricsAgeUs / 1e6),
  ];
  const rows = candidates.slice(0, MAX_ENDPOINTS).map(row);
  const left = candidates.length - rows.length;
  if (left > 0) rows.push([{ text: `… ${left} more`, tone: "dim" }]);
  return {
    title: "Signals as the router saw them",
    columns: titles.map((title, i) => ({ title, align: i === 0 ? "left" : "right" })),
    rows,
  };
}
