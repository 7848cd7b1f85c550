import { log } from "../../kernel/math.ts";
import { counterUniform, streamId } from "../../kernel/random.ts";
import type { Sessions, SyntheticSpec, ThinkTime } from "../generator-schema.ts";
import type { PromptSegments, Workload } from "../workload.ts";
import { arrivalTimesUs, streamAt } from "./arrivals.ts";
import { type LengthSampler, lengthSampler, lognormalQuantile, type Quantile } from "./distributions.ts";
import { type ItemLengths, ItemWriter, itemLengths } from "./multimodal.ts";
import { type PrefixGroups, prefixGroups } from "./prefix-groups.ts";
import { withAdapters } from "./request-adapters.ts";
import { type RequestClasses, requestClasses } from "./request-classes.ts";
import { ascendingOrder, reorderRows } from "./row-order.ts";

const NO_ITEMS: readonly number[] = [];

/** What every session's turns are drawn from. */
interface SessionModel {
  readonly sessions: Sessions;
  readonly seed: number;
  readonly turns: LengthSampler;
  readonly followUp: LengthSampler | undefined;
  readonly thinkUs: Quantile;
  readonly classes: RequestClasses;
  readonly groups: PrefixGroups | undefined;
  readonly items: ItemLengths | undefined;
}

/** Rows being written, session after session. */
interface SessionRows {
  rows: number;
  sessions: number;
  /** First row of each session. */
  readonly firstRow: Int32Array;
  /** Think time before the row; the first turn has none. */
  readonly thinkUs: Float64Array;
  readonly promptTokens: Int32Array;
  readonly outputTokens: Int32Array;
  readonly sessionOf: Int32Array;
  readonly groupOf: Int32Array;
  readonly classOf: Uint8Array;
  readonly items: ItemWriter;
}

/**
 * Conversations. A session is one stream of tokens: message, answer, message, answer …; each turn's prompt is a prefix of
 * it, after the session's system prompt, and its answer continues it, so each row has at most two segments.
 *
 * Rows stand session by session in closed mode, where later turns are released by the one before; in open mode by
 * arrival.
 */
export function generateSessions(spec: SyntheticSpec, sessions: Sessions, seed: number): Workload {
  const starts =
    spec.duration === undefined ? undefined : arrivalTimesUs(spec.arrivals, { durationUs: spec.duration }, seed);
  const sessionLimit = starts?.length ?? sessions.count ?? spec.count!;
  const turns = lengthSampler(sessions.turns, sessionLimit);
  const rowLimit = spec.count ?? countTurns(turns, sessionLimit, seed);
  const model: SessionModel = {
    sessions,
    seed,
    turns,
    followUp: sessions.followUpTokens === undefined ? undefined : lengthSampler(sessions.followUpTokens, rowLimit),
    thinkUs: thinkQuantile(sessions.thinkTime),
    classes: requestClasses(spec, rowLimit, seed),
    groups: prefixGroups(spec, sessionLimit, seed),
    items: itemLengths(spec, rowLimit, seed),
  };
  const rows = emptyRows(rowLimit, sessionLimit);
  while (rows.rows < rowLimit && rows.sessions < sessionLimit) addSession(rows, model, rowLimit);
  const startUs = starts ?? arrivalTimesUs(spec.arrivals, { count: rows.sessions }, seed);
  const workload = sessions.mode === "closed" ? closedLoop(rows, startUs) : openLoop(rows, startUs, sessions);
  const plain = sessionColumns(spec.name, rows, model, workload);
  const columns = withAdapters(plain, spec, seed, (row) => rows.sessionOf[row]!);
  return sessions.mode === "closed" ? columns : reorderRows(columns, ascendingOrder(columns.arrivalUs));
}

function turnsAt(turns: LengthSampler, seed: number, session: number): number {
  return turns.tokensAt(counterUniform(seed, streamId("synthetic/turns"), session));
}

function countTurns(turns: LengthSampler, sessions: number, seed: number): number {
  let total = 0;
  for (let session = 0; session < sessions; session++) total += turnsAt(turns, seed, session);
  return total;
}

function thinkQuantile(thinkTime: ThinkTime): Quantile {
  if (typeof thinkTime === "number") return () => thinkTime;
  if (thinkTime.distribution === "exponential") return (uniform) => Math.round(-log(1 - uniform) * thinkTime.mean);
  if (thinkTime.mean === 0) return () => 0;
  const quantile = lognormalQuantile(thinkTime.mean, thinkTime.sigma);
  return (uniform) => Math.round(quantile(uniform));
}

function emptyRows(rowLimit: number, sessionLimit: number): SessionRows {
  return {
    rows: 0,
    sessions: 0,
    firstRow: new Int32Array(Math.min(rowLimit, sessionLimit) + 1),
    thinkUs: new Float64Array(rowLimit),
    promptTokens: new Int32Array(rowLimit),
    outputTokens: new Int32Array(rowLimit),
    sessionOf: new Int32Array(rowLimit),
    groupOf: new Int32Array(rowLimit),
    classOf: new Uint8Array(rowLimit),
    items: new ItemWriter(),
  };
}

/** Adds the turns of the next session, up to the row limit; the first turn is sent whatever its length. */
function addSession(out: SessionRows, model: SessionModel, rowLimit: number): void {
  const { seed, classes, groups, followUp, sessions } = model;
  const session = out.sessions;
  const kind = classes.classAt(session);
  const group = groups === undefined ? 0 : groups.groupAt(session);
  const turns = turnsAt(model.turns, seed, session);
  const maxPromptTokens = sessions.maxPromptTokens ?? Number.POSITIVE_INFINITY;
  const thinkStream = streamId("synthetic/think");
  let contextTokens = groups === undefined ? 0 : groups.tokens[group]!;
  for (let turn = 0; turn < turns && out.rows < rowLimit; turn++) {
    const message = turn > 0 && followUp !== undefined ? followUp : classes.prompt[kind]!;
    const uniform = counterUniform(seed, streamAt(classes.promptStream, turn), session);
    const items = model.items?.(kind, session, turn) ?? NO_ITEMS;
    const itemTokens = items.reduce((sum, tokens) => sum + tokens, 0);
    const promptTokens = contextTokens + itemTokens + message.tokensAt(uniform);
    if (turn > 0 && promptTokens > maxPromptTokens) break;
    const row = out.rows++;
    if (model.items !== undefined) addItems(out.items, turn, items, contextTokens);
    out.promptTokens[row] = promptTokens;
    out.outputTokens[row] = classes.output[kind]!.tokensAt(
      counterUniform(seed, streamAt(classes.outputStream, turn), session),
    );
    out.thinkUs[row] = turn === 0 ? 0 : model.thinkUs(counterUniform(seed, streamAt(thinkStream, turn), session));
    out.sessionOf[row] = session;
    out.groupOf[row] = group;
    out.classOf[row] = kind;
    contextTokens = promptTokens + out.outputTokens[row]!;
  }
  out.sessions += 1;
  out.firstRow[out.sessions] = out.rows;
}

/** The items of a turn's prompt: those of the session until then, and those of its message, which come first in it. */
function addItems(out: ItemWriter, turn: number, items: readonly number[], messageFrom: number): void {
  if (turn > 0) out.repeatLast();
  items.reduce((start, tokens) => out.add(start, tokens), messageFrom);
  out.endRow();
}

type Timing = Pick<Workload, "arrivalUs" | "releasedBy">;

function closedLoop(rows: SessionRows, startUs: Float64Array): Timing {
  const arrivalUs = rows.thinkUs.slice(0, rows.rows);
  const releasedBy = new Int32Array(rows.rows);
  for (let row = 0; row < rows.rows; row++) releasedBy[row] = row - 1;
  for (let session = 0; session < rows.sessions; session++) {
    const row = rows.firstRow[session]!;
    arrivalUs[row] = startUs[session]!;
    releasedBy[row] = -1;
  }
  return { arrivalUs, releasedBy };
}

function openLoop(rows: SessionRows, startUs: Float64Array, sessions: Sessions): Timing {
  const arrivalUs = new Float64Array(rows.rows);
  for (let session = 0; session < rows.sessions; session++) {
    let timeUs = startUs[session]!;
    for (let row = rows.firstRow[session]!; row < rows.firstRow[session + 1]!; row++) {
      timeUs += rows.thinkUs[row]!;
      arrivalUs[row] = timeUs;
      timeUs += sessions.assumedTtft + sessions.assumedTpot * (rows.outputTokens[row]! - 1);
    }
  }
  return { arrivalUs };
}

function sessionColumns(name: string, rows: SessionRows, model: SessionModel, timing: Timing): Workload {
  const { classes } = model.classes;
  return {
    name,
    count: rows.rows,
    ...timing,
    promptTokens: rows.promptTokens.subarray(0, rows.rows),
    outputTokens: rows.outputTokens.subarray(0, rows.rows),
    segments: sessionSegments(rows, model.groups),
    ...(model.items === undefined ? {} : { items: rows.items.columns() }),
    ...(classes === undefined ? {} : { classOf: rows.classOf.subarray(0, rows.rows), classes }),
  };
}

/** Group g is segment g; session s is segment groups + s. */
function sessionSegments(rows: SessionRows, groups: PrefixGroups | undefined): PromptSegments {
  const groupCount = groups?.count ?? 0;
  const width = groups === undefined ? 1 : 2;
  const offsets = new Int32Array(rows.rows + 1);
  const ids = new Int32Array(width * rows.rows);
  const endTokens = new Int32Array(width * rows.rows);
  const outputIds = new Int32Array(rows.rows);
  for (let row = 0; row < rows.rows; row++) {
    const first = width * row;
    const last = first + width - 1;
    if (groups !== undefined) {
      ids[first] = rows.groupOf[row]!;
      endTokens[first] = groups.tokens[rows.groupOf[row]!]!;
    }
    ids[last] = groupCount + rows.sessionOf[row]!;
    endTokens[last] = rows.promptTokens[row]!;
    outputIds[row] = ids[last]!;
    offsets[row + 1] = first + width;
  }
  return { offsets, ids, endTokens, idCount: groupCount + rows.sessions, outputIds };
}
