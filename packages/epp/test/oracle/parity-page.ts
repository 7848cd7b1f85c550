import type { Comparison } from "./section.ts";

const KINDS: readonly { readonly kind: Comparison["kind"]; readonly title: string }[] = [
  { kind: "scorer", title: "Scorers" },
  { kind: "filter", title: "Filters" },
  { kind: "picker", title: "Pickers" },
  { kind: "handler", title: "Profile handlers" },
  { kind: "decider", title: "Deciders" },
  { kind: "events", title: "KV events" },
  { kind: "errors", title: "Errors and odd requests" },
  { kind: "flow", title: "Whole systems" },
];

/** What differs from upstream by choice, and why; nothing here is compared as an error. */
const STATED = [
  [
    "Headers that come back",
    "only those that change are set; upstream sets every request header to the value that it has, which does nothing",
  ],
  ["A request body that trailers end", "is answered; upstream never answers it"],
  [
    "Sidecar headers that a client sends",
    "are taken off the request; upstream stops repeating them, so that they still reach the sidecar behind Envoy",
  ],
  ["Order of hooks", "is that of the configuration; upstream's is random for each process"],
  [
    "Subset hints",
    "are taken as a list or as one string, upstream's as a list only; ports in them count with `--strict`, else addresses alone decide, as upstream",
  ],
  [
    "Tokens in flight with prefix information",
    "are those not found cached whenever an `approx-prefix-cache-producer` is at work; upstream looks up prefixes before or after it counts, at random for each process, and counts every token when no plugin requires prefixes (compared in processes that look them up first)",
  ],
] as const;

const NOT_COMPARABLE = [
  [
    "`least-connections-picker`, `round-robin-picker`, `power-of-two-choices-picker`",
    "baselines of ours; upstream has none",
  ],
  ["`prefix-cache-affinity-filter` with `explorationProbability`", "random; its two outcomes are compared without it"],
  [
    "A block held by more endpoints and tiers than `podCacheSize`",
    "both forget the one heard of first, but what is heard over several sockets comes in no order",
  ],
  ["Objectives, model rewrites", "come from Kubernetes; upstream has none with endpoints from a file"],
] as const;

/** docs/parity.md: the same text for the same results. */
export function parityPage(comparisons: readonly Comparison[]): string {
  return `${[
    "# Parity with upstream's Endpoint Picker",
    "",
    "Written by `npm run test:oracle`, which runs upstream's Endpoint Picker (llm-d-router) and ours side by side: the same",
    "configuration, the same endpoint file, the same model servers, the same requests. A case is one request; it is equal when",
    "both give every endpoint the same score to 1e-6, keep the same endpoints, choose the same one wherever one is clearly",
    "best, and refuse with the same status, body and headers.",
    ...KINDS.flatMap(({ kind, title }) =>
      table(
        title,
        comparisons.filter((one) => one.kind === kind),
      ),
    ),
    "",
    "## Different by choice",
    "",
    ...STATED.map(([what, how]) => `- **${what}**: ${how}.`),
    "",
    "## Not comparable",
    "",
    ...NOT_COMPARABLE.map(([what, why]) => `- ${what}: ${why}.`),
  ].join("\n")}\n`;
}

function table(title: string, rows: readonly Comparison[]): string[] {
  if (rows.length === 0) return [];
  const lines = rows.map(({ subject, cases, differing, note }) => {
    const outcome = differing === 0 ? "equal" : `**${differing} differ**`;
    return `| \`${subject}\` | ${outcome} | ${cases.toLocaleString("en")} | ${note} |`;
  });
  return ["", `## ${title}`, "", "| | | cases | compared over |", "|---|---|--:|---|", ...lines];
}
