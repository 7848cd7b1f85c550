import { basename } from "node:path";
import type { CounterfactualReport, ReplayReport } from "@windtunnel/epp";
import { formatCount, formatNumber, formatPercent } from "./numbers.ts";
import type { Cell, Table } from "./table.ts";

const MAX_ENDPOINTS = 32;
const FACTS = { columns: [{ title: "" }, { title: "", align: "right" as const }] };

/** Whether a recording's decisions came out the same. */
export function replayTables(report: ReplayReport): Table[] {
  const { requests, equal, firstDifference: first } = report;
  const all = equal === requests && requests > 0;
  const rows: Cell[][] = [
    ["Decisions replayed", formatCount(requests)],
    ["the same", { text: shareOf(equal, requests), tone: all ? "good" : "bad" }],
    ["runs of an Endpoint Picker", formatCount(report.runs)],
  ];
  const tables: Table[] = [{ ...FACTS, rows }];
  if (first === undefined) return tables;
  return [
    ...tables,
    {
      title: `First difference: request ${first.request}, ${basename(first.file)}:${first.line}`,
      columns: [{ title: "" }, { title: "" }],
      rows: [
        ["recorded", first.recorded],
        ["replayed", { text: first.replayed, tone: "bad" }],
      ],
    },
  ];
}

/** What another configuration would have done with a recording's requests. */
export function counterfactualTables(report: CounterfactualReport): Table[] {
  return [summaryTable(report), shareTable(report), ...exampleTables(report)];
}

function summaryTable(report: CounterfactualReport): Table {
  const { requests, agreeing, prefixTokens, margin } = report;
  const number = (value: number | undefined): string => (value === undefined ? "–" : formatNumber(value));
  return {
    ...FACTS,
    rows: [
      ["Requests", formatCount(requests)],
      ["sent to the same endpoint", shareOf(agreeing, requests)],
      ["refused only by the candidate", formatCount(report.refusedByCandidateOnly)],
      ["refused only by the recorded router", formatCount(report.refusedByRecordedOnly)],
      ...(prefixTokens === undefined
        ? []
        : [
            ["prompt tokens thought cached, the candidate's choices", formatCount(prefixTokens.candidateChoice)],
            ["the same at the recorded choices", formatCount(prefixTokens.recordedChoice)],
          ]),
      ["mean margin where both agree", number(margin.agreeing)],
      ["mean margin where they differ", number(margin.differing)],
    ],
  };
}

function shareTable({ shares }: CounterfactualReport): Table {
  const total = (what: "recorded" | "candidate"): number => shares.reduce((sum, share) => sum + share[what], 0);
  const rows: Cell[][] = shares
    .slice(0, MAX_ENDPOINTS)
    .map(({ endpoint, recorded, candidate }) => [
      endpoint,
      shareOf(recorded, total("recorded")),
      shareOf(candidate, total("candidate")),
    ]);
  if (shares.length > MAX_ENDPOINTS) rows.push([{ text: `… ${shares.length - MAX_ENDPOINTS} more`, tone: "dim" }]);
  return {
    title: "Requests by endpoint",
    columns: [{ title: "Endpoint" }, { title: "recorded", align: "right" }, { title: "candidate", align: "right" }],
    rows,
  };
}

function exampleTables({ examples }: CounterfactualReport): Table[] {
  if (examples.length === 0) return [];
  const at = (endpoint: string, total: number | undefined, tokens: number | undefined): string =>
    [
      endpoint,
      ...(total === undefined ? [] : [`total ${total.toFixed(3)}`]),
      ...(tokens === undefined ? [] : [`${formatCount(tokens)} tokens cached`]),
    ].join(", ");
  return [
    {
      title: "First differences, by the candidate's scores",
      columns: [{ title: "Request", align: "right" }, { title: "recorded" }, { title: "candidate" }],
      rows: examples.map((one) => [
        String(one.request),
        at(one.recorded, one.recordedTotal, one.recordedPrefixTokens),
        at(one.candidate, one.candidateTotal, one.candidatePrefixTokens),
      ]),
    },
  ];
}

function shareOf(part: number, whole: number): string {
  return whole === 0 ? "0" : `${formatCount(part)} (${formatPercent(part / whole)})`;
}
