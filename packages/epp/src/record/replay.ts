import { type EndpointPickerConfig, loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { CounterfactualTally } from "./counterfactual-tally.ts";
import { isHeader, type RecordingLine, readRecording } from "./read-recording.ts";
import type { RecordedConfiguration, RecordedDecision, RecordingHeader } from "./recording-line.ts";
import type { CounterfactualReport, FirstDifference, ReplayReport } from "./replay-report.ts";
import { type DecisionPair, type ReplayedDecision, RunReplay } from "./run-replay.ts";

type Decided = (pair: DecisionPair, at: RecordingLine, run: RunReplay) => void;

/**
 * Feeds a recording to the router that was recorded: every decision must come out the same.
 *
 * @param path a folder of segments, or one segment
 * @throws RecordingError or PolicyError: one line
 */
export async function replayRecording(path: string): Promise<ReplayReport> {
  let firstDifference: FirstDifference | undefined;
  const tallies = new Map<RunReplay, { requests: number; equal: number }>();
  const decided: Decided = (pair, at, run) => {
    const tally = tallies.get(run) ?? { requests: 0, equal: 0 };
    tallies.set(run, tally);
    tally.requests++;
    if (isSame(pair.recorded, pair.replayed)) tally.equal++;
    else if (run.incomplete === undefined) firstDifference ??= differenceOf(pair, at);
  };
  const { runs, incomplete, unanswered } = await feed(path, undefined, decided);
  const sum = (of: (run: RunReplay) => boolean, what: "requests" | "equal"): number =>
    [...tallies].reduce((total, [run, tally]) => total + (of(run) ? tally[what] : 0), 0);
  const isComplete = (run: RunReplay): boolean => run.incomplete === undefined;
  return {
    runs,
    requests: sum(() => true, "requests"),
    equal: sum(() => true, "equal"),
    incomplete,
    completeRequests: sum(isComplete, "requests"),
    completeEqual: sum(isComplete, "equal"),
    ...(firstDifference === undefined ? {} : { firstDifference }),
    unanswered,
  };
}

/**
 * Feeds a recording to a router of another configuration. Its indexes and its load follow its own choices, a response
 * ending when the recorded one did; KV events and metrics stay those of the recorded choices.
 */
export async function replayCounterfactual(
  path: string,
  configuration: RecordedConfiguration,
): Promise<CounterfactualReport> {
  const tally = new CounterfactualTally();
  const { runs, incomplete, unanswered } = await feed(path, configOf(configuration), (pair, { file, line }) =>
    tally.add(pair, file, line),
  );
  return { runs, ...tally.report(), incomplete, unanswered };
}

async function feed(path: string, candidate: EndpointPickerConfig | undefined, decided: Decided) {
  // A successor may have written to the folder while its predecessor drained.
  const runs = new Map<string, RunReplay>();
  const unanswered = new Map<string, number>();
  let at: RecordingLine | undefined;
  const begin = (header: RecordingHeader): RunReplay => {
    const run = new RunReplay(header, {
      config: candidate ?? configOf(header.configuration),
      explain: candidate !== undefined,
      decided: (pair) => decided(pair, at!, run),
      missing: (what) => unanswered.set(what, (unanswered.get(what) ?? 0) + 1),
    });
    return run;
  };
  let run: RunReplay | undefined;
  for await (const line of readRecording(path)) {
    at = line;
    const { value } = line;
    if (isHeader(value)) {
      run = runs.get(value.run) ?? begin(value);
      runs.set(value.run, run);
      run.segment(value);
    } else run?.event(value);
  }
  const incomplete = [...runs].flatMap(([name, { incomplete: why }]) =>
    why === undefined ? [] : [`run ${name}: ${why}`],
  );
  return { runs: runs.size, incomplete, unanswered: Object.fromEntries(unanswered) };
}

const configOf = ({ text, ...options }: RecordedConfiguration): EndpointPickerConfig =>
  loadEndpointPickerConfig(text, options);

function isSame(recorded: RecordedDecision, replayed: ReplayedDecision): boolean {
  if ("threw" in recorded) return replayed.outcome === "threw";
  if ("refused" in recorded) {
    return (
      replayed.outcome === "refused" && replayed.status === recorded.refused && replayed.reason === recorded.reason
    );
  }
  if (replayed.outcome !== "dispatched" || replayed.ticket !== recorded.ticket) return false;
  const profiles = replayed.profiles.length > 1 ? replayed.profiles : undefined;
  return (
    JSON.stringify(replayed.to) === JSON.stringify(recorded.to) &&
    JSON.stringify(profiles) === JSON.stringify(recorded.profiles)
  );
}

function differenceOf({ request, recorded, replayed, nameOf }: DecisionPair, { file, line }: RecordingLine) {
  const names = (numbers: readonly number[]): string => `sent to ${numbers.map(nameOf).join(", ")}`;
  const before =
    "to" in recorded ? names(recorded.to) : "refused" in recorded ? `refused (${recorded.refused})` : "failed";
  const now =
    replayed.outcome === "dispatched"
      ? names(replayed.to)
      : replayed.outcome === "refused"
        ? `refused (${replayed.status ?? "queued"})`
        : `failed: ${replayed.reason}`;
  return { file, line, request, recorded: before, replayed: now };
}
