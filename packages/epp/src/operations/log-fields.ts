/**
 * Fields that may stand in a log line. What is not here does not get out, so that a prompt, a body, a header or a
 * credential cannot, whoever hands it over.
 */
const FIELDS: ReadonlySet<string> = new Set([
  ...["abandoned", "address", "atUs", "column", "detail", "endpoint", "endpoints", "engine", "error", "failures"],
  ...[
    "folder",
    "grpcPort",
    "healthPort",
    "metricsPort",
    "debugPort",
    "kind",
    "leading",
    "line",
    "missing",
    "namespace",
  ],
  ...["pool", "reason", "socket", "source", "url", "windowMs", "version", "file", "plugin", "port", "bytes"],
  // Of the access log.
  ...["requestId", "path", "model", "targetModel", "streaming", "bodyBytes", "promptTokens", "outputTokens"],
  ...["cachedTokens", "status", "end", "target", "served", "decisionMs", "ttftMs", "durationMs", "responseBytes"],
  ...["priority", "fairnessId", "objective"],
]);

const MAX_TEXT = 500;

/**
 * The fields that get out: known ones, with a number, a truth value or a short text of one line. Names of those that do
 * not are told, as a defect to repair.
 */
export function allowedFields(fields: object): Record<string, unknown> {
  const allowed: Record<string, unknown> = {};
  const withheld: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const safe = FIELDS.has(name) ? safeValue(value) : undefined;
    if (safe === undefined) withheld.push(name);
    else allowed[name] = safe;
  }
  if (withheld.length > 0) allowed.withheldFields = withheld;
  return allowed;
}

function safeValue(value: unknown): number | boolean | string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return String(value);
  return typeof value === "string" ? clipped(value) : undefined;
}

/** One line, and not the whole of something that was quoted in full. */
export function clipped(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, " ");
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT)}…` : line;
}
