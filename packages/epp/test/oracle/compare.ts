import type { Routing } from "../support/gateway-messages.ts";

/** Scores may differ by this much: both compute in double precision, in another order. */
const SCORE_TOLERANCE = 1e-6;

/** What two Endpoint Pickers answered to one request that differs; undefined where nothing does. */
export function routingDifference(ours: Routing, theirs: Routing): string | undefined {
  const failure = (routing: Routing): string =>
    routing.failed === undefined ? "" : `gRPC ${routing.failed.code} ${routing.failed.details}`;
  if (failure(ours) !== failure(theirs))
    return `ours ${failure(ours) || "answers"}, theirs ${failure(theirs) || "answers"}`;
  const immediate = immediateDifference(ours.immediate, theirs.immediate);
  if (immediate !== undefined) return immediate;
  return scoresDifference(ours.scores, theirs.scores) ?? destinationDifference(ours, theirs);
}

function immediateDifference(ours: Routing["immediate"], theirs: Routing["immediate"]): string | undefined {
  const told = (answer: Routing["immediate"]): string =>
    answer === undefined
      ? "routed"
      : `${answer.status} ${JSON.stringify(answer.body)} ${JSON.stringify(sorted(answer.headers))}`;
  return told(ours) === told(theirs) ? undefined : `ours ${told(ours)}, theirs ${told(theirs)}`;
}

function sorted(record: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function scoresDifference(ours: Routing["scores"], theirs: Routing["scores"]): string | undefined {
  if (ours === undefined || theirs === undefined) {
    return ours === theirs ? undefined : `scores: ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}`;
  }
  const keys = (scores: Record<string, number>): string => Object.keys(scores).sort().join(" ");
  if (keys(ours) !== keys(theirs)) return `scored endpoints: ours ${keys(ours)}, theirs ${keys(theirs)}`;
  for (const [address, score] of Object.entries(theirs)) {
    const difference = Math.abs(score - ours[address]!);
    if (!(difference <= SCORE_TOLERANCE)) return `score of ${address}: ours ${ours[address]}, theirs ${score}`;
  }
  return undefined;
}

/** Where one endpoint is clearly best, both must take it; each must say the same in header and metadata. */
function destinationDifference(ours: Routing, theirs: Routing): string | undefined {
  for (const [who, { destination, destinationInMetadata }] of Object.entries({ ours, theirs })) {
    if (destination !== destinationInMetadata)
      return `${who} in header ${destination}, in metadata ${destinationInMetadata}`;
  }
  if (!isClear(theirs.scores) || ours.destination === theirs.destination) return undefined;
  return `destination: ours ${ours.destination}, theirs ${theirs.destination}`;
}

function isClear(scores: Routing["scores"]): boolean {
  const [best, second] = Object.values(scores ?? {}).sort((a, b) => b - a);
  return best !== undefined && (second === undefined || best - second > 1e-9);
}
