import type { DecisionRecord } from "@windtunnel/router-policies";
import { type DebugSources, decisionHead, type EndpointView, endpointsView } from "./debug-pages.ts";
import type { ExplainedDecision } from "./decision-ring.ts";
import { cell, type Html, html, page, table } from "./html.ts";
import { withoutSecrets } from "./withhold.ts";

const MS_PER_SECOND = 1000;
const US_PER_MS = 1000;

type Profile = DecisionRecord["profiles"][number];

export function indexPage({ live, decisions }: DebugSources): string {
  const body = html`<p>${live.endpoints.length} endpoints, ${live.inFlight} requests in flight,
${decisions.decisions().length} explained decisions.</p>
<ul><li><a href="/debug/decisions">/debug/decisions</a> — why the last requests went where they went; ten a second are
explained. <a href="/debug/decisions?explain=next">?explain=next</a> has the next one explained for sure;
/debug/decisions/REQUEST-ID is one of them.</li>
<li><a href="/debug/endpoints">/debug/endpoints</a> — endpoints as the router sees them, with the age of what it sees.</li>
<li><a href="/debug/config">/debug/config</a> — the configuration in force, every default with it.</li></ul>
<p>JSON unless the client asks for HTML: <code>curl -s localhost:9004/debug/endpoints | jq</code></p>`;
  return page("Endpoint Picker", body);
}

export function endpointsPage(sources: DebugSources): string {
  const head = ["endpoint", "address", "waiting", "running", "KV usage", "in flight", "age", "scrapes", "labels"];
  const rows = endpointsView(sources).map((view) => [
    `${view.namespace}/${view.name}`,
    view.address,
    view.waitingQueueSize,
    view.runningRequestsSize,
    fixed(view.kvCacheUsageFraction),
    view.inFlightRequests,
    view.metricsAgeSeconds === null ? "never scraped" : milliseconds(view.metricsAgeSeconds),
    scraping(view),
    Object.entries(view.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(", "),
  ]);
  return page("Endpoints", table(head, rows));
}

function scraping({ scraping: state }: EndpointView): string {
  if (state === undefined) return "";
  const { engine, scrapes, failures, lastFailure } = state;
  const last = lastFailure === undefined ? "" : `, last ${fixed(lastFailure.agoSeconds)} s ago: ${lastFailure.kind}`;
  return `${engine}: ${scrapes} read, ${failures} failed${last}`;
}

export function configPage({ config, flags }: DebugSources): string {
  const json = (value: unknown): Html => html`<pre>${JSON.stringify(withoutSecrets(value), null, 2)}</pre>`;
  return page("Configuration", html`<h2>Flags</h2>${json(flags)}<h2>EndpointPickerConfig</h2>${json(config)}`);
}

export function decisionsPage({ decisions, clock }: DebugSources): string {
  const nowUs = clock.nowUs();
  const rows = decisions.decisions().map((decision) => {
    const { request, record } = decision;
    const { agoSeconds, response } = decisionHead(decision, nowUs);
    const link = html`<a href="/debug/decisions/${encodeURIComponent(request.id)}">${request.id}</a>`;
    const margin = record.profiles.find(({ primary }) => primary)?.margin;
    return [
      link,
      `${fixed(agoSeconds)} s ago`,
      request.targetModel,
      record.promptTokens,
      chosen(record),
      margin === undefined || margin === null ? "" : fixed(margin),
      response === undefined ? "" : `${response.end}, ${milliseconds(response.durationSeconds)}`,
    ];
  });
  const head = ["request", "decided", "model", "prompt tokens", "went to", "margin", "response"];
  return page(
    "Decisions",
    html`<p><a href="/debug/decisions?explain=next">Explain the next one</a></p>${table(head, rows)}`,
  );
}

function chosen(record: DecisionRecord): string {
  const picked = record.profiles.map(({ profile, picked }) => `${profile}: ${picked.join(", ")}`).join("; ");
  return record.outcome === "dispatched" ? picked || record.targets.join(", ") : (record.reason ?? record.outcome);
}

/** Why one request went where it went: a row for each endpoint, a column for each scorer. */
export function decisionPage(decision: ExplainedDecision, nowUs: number): string {
  const { request, record } = decision;
  const { agoSeconds, decisionSeconds, response, refusal } = decisionHead(decision, nowUs);
  const asked = `${request.path}, ${request.targetModel}, ${record.promptTokens} prompt tokens, priority ${request.priority}`;
  const facts: [string, string][] = [
    ["went to", chosen(record)],
    ["decided", `${fixed(agoSeconds)} s ago, in ${milliseconds(decisionSeconds)}`],
    ["request", asked],
    ["flow", `${request.fairnessId}${request.objective === undefined ? "" : `, objective ${request.objective}`}`],
  ];
  if (refusal !== undefined) facts.push(["refused", `${refusal.status} ${refusal.message}`]);
  if (response !== undefined) facts.push(["response", responseText(response)]);
  const profiles = record.profiles.map((profile) => profileHtml(profile, record));
  return page(`Request ${request.id}`, html`${table([], facts)}${profiles}`);
}

function responseText({
  end,
  status,
  served,
  ttftSeconds,
  durationSeconds,
  usage,
}: NonNullable<ExplainedDecision["response"]>): string {
  const parts = [`${end}${status === undefined ? "" : ` (${status})`} in ${milliseconds(durationSeconds)}`];
  if (ttftSeconds !== undefined) parts.push(`first byte after ${milliseconds(ttftSeconds)}`);
  if (served !== undefined) parts.push(`served by ${served}`);
  if (usage !== undefined) parts.push(`${usage.promptTokens} + ${usage.outputTokens} tokens`);
  if (usage?.cachedTokens !== undefined) parts.push(`${usage.cachedTokens} cached`);
  return parts.join(", ");
}

function profileHtml(profile: Profile, record: DecisionRecord): Html {
  const head = [
    "endpoint",
    ...profile.scorers.map(({ scorer, weight }) => `${scorer} × ${weight}`),
    ...["total", "waiting", "running", "KV usage", "age", "why"],
  ];
  const rows = record.candidates
    .toSorted((a, b) => (profile.totals[b.endpoint] ?? -1) - (profile.totals[a.endpoint] ?? -1))
    .map((candidate) => candidateRow(profile, candidate));
  const { margin, picker } = profile;
  const note = `Picked by ${picker}${margin === null ? "" : `, ahead by ${fixed(margin)}`}.`;
  const heads = head.map((name) => html`<th>${name}</th>`);
  return html`<h2>Profile ${profile.profile}${profile.primary ? " (primary)" : ""}</h2><p>${note}</p>
<table><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table>`;
}

function candidateRow(profile: Profile, candidate: DecisionRecord["candidates"][number]): Html {
  const { endpoint, metricsAgeUs } = candidate;
  const filter = profile.filters.find(({ dropped }) => dropped.includes(endpoint));
  const picked = profile.picked.includes(endpoint);
  const tied = profile.tied.includes(endpoint) ? ", tied" : "";
  const why = filter === undefined ? `${picked ? "picked" : ""}${tied}` : `dropped by ${filter.filter}`;
  const scores = profile.scorers.map(({ scores, weight }) => {
    const score = scores[endpoint];
    return score === undefined ? "" : `${fixed(score)} → ${fixed(weight * Math.min(1, Math.max(0, score)))}`;
  });
  const total = profile.totals[endpoint];
  const cells = [
    endpoint,
    ...scores,
    total === undefined ? "" : fixed(total),
    candidate.waitingQueueSize,
    candidate.runningRequestsSize,
    fixed(candidate.kvCacheUsageFraction),
    metricsAgeUs === null ? "never scraped" : `${fixed(metricsAgeUs / US_PER_MS)} ms`,
    why,
  ];
  const look = picked ? "picked" : filter === undefined ? "" : "dropped";
  return html`<tr class="${look}">${cells.map(cell)}</tr>`;
}

function fixed(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}

function milliseconds(seconds: number): string {
  return `${fixed(seconds * MS_PER_SECOND)} ms`;
}
