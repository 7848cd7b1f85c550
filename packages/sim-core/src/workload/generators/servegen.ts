import { TraceError } from "../../errors.ts";
import { log, pow } from "../../kernel/math.ts";
import { counterUniform, hashSeed, streamId } from "../../kernel/random.ts";
import { splitCells } from "../formats/csv.ts";
import { badCell, badRecord, type RowPosition } from "../row-position.ts";
import type { Workload } from "../workload.ts";
import { gammaDraw } from "./arrivals.ts";
import { categoricalQuantile } from "./distributions.ts";
import { ascendingOrder, reorderRows } from "./row-order.ts";

/** One client of a ServeGen mixture: how its rate and its lengths change over time. */
export interface ServeGenClient {
  readonly name: string;
  readonly windows: readonly ServeGenWindow[];
  readonly datasets: readonly ServeGenDataset[];
}

interface ServeGenWindow {
  readonly startSeconds: number;
  readonly ratePerSecond: number;
  /** Distribution of gaps; only its shape is used, the rate gives the scale. */
  readonly pattern: "Gamma" | "Weibull";
  readonly shape: number;
}

/** Token counts and their probabilities, from `startSeconds` on. */
interface ServeGenDataset {
  readonly startSeconds: number;
  readonly input: LengthTable;
  readonly output: LengthTable;
}

interface LengthTable {
  readonly tokens: Int32Array;
  readonly weights: readonly number[];
}

export interface ServeGenOptions {
  readonly name: string;
  readonly seed: number | string;
  readonly startSeconds: number;
  readonly durationSeconds: number;
  /** Multiplies every client's rate. */
  readonly rateScale?: number;
}

const MAX_CLASSES = 256;
const WINDOW_COLUMNS = ["window_start_s", "rate_rps", "cv", "pattern", "shape", "scale"] as const;
/** Draws set aside for each window, so that a request's draws do not depend on the span that is asked for. */
const DRAWS_PER_WINDOW = 2 ** 20;
/** The last window of a client has no next one to end it. */
const LAST_WINDOW_SECONDS = 600;

/**
 * Reads one client of alibaba/ServeGen: `chunk-i-trace.csv` (no header) and `chunk-i-dataset.json`.
 *
 * @throws TraceError
 */
export function parseServeGenClient(
  name: string,
  trace: { readonly file: string; readonly text: string },
  dataset: { readonly file: string; readonly text: string },
): ServeGenClient {
  const windows: ServeGenWindow[] = [];
  trace.text.split("\n").forEach((raw, index) => {
    const text = raw.trimEnd();
    if (text !== "") windows.push(parseWindow({ file: trace.file, line: index + 1, text }));
  });
  return { name, windows, datasets: parseDatasets(dataset.file, dataset.text) };
}

function parseWindow(at: RowPosition): ServeGenWindow {
  const cells = splitCells(at.text);
  if (cells.length !== WINDOW_COLUMNS.length) {
    throw badRecord(at, 1, at.text, `${WINDOW_COLUMNS.length} cells (${WINDOW_COLUMNS.join(",")})`);
  }
  const cellColumn = (index: number): number => cells.slice(0, index).join(",").length + (index === 0 ? 1 : 2);
  const decimal = (index: number): number => {
    const text = cells[index]!;
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= 0 && Number.isFinite(value)) return value;
    throw badCell(at, WINDOW_COLUMNS[index]!, text, "a number, 0 or more", cellColumn(index));
  };
  const startSeconds = decimal(0);
  const ratePerSecond = decimal(1);
  const pattern = cells[3];
  // ServeGen leaves a window without a fitted pattern empty, whatever its rate.
  if (pattern === "") return { startSeconds, ratePerSecond: 0, pattern: "Gamma", shape: 1 };
  if (pattern !== "Gamma" && pattern !== "Weibull") {
    throw badCell(at, "pattern", pattern, "Gamma, Weibull or nothing", cellColumn(3));
  }
  const shape = decimal(4);
  if (shape === 0) throw badCell(at, "shape", cells[4], "a number above 0", cellColumn(4));
  return { startSeconds, ratePerSecond, pattern, shape };
}

/** Windows without lengths are left out, as ServeGen's own loader does. */
function parseDatasets(file: string, text: string): ServeGenDataset[] {
  const at: RowPosition = { file, line: 1, text: "" };
  let windows: unknown;
  try {
    windows = JSON.parse(text);
  } catch {
    throw badRecord(at, 1, text.slice(0, 80), "a JSON object of windows");
  }
  if (typeof windows !== "object" || windows === null || Array.isArray(windows)) {
    throw badRecord(at, 1, text.slice(0, 80), "a JSON object of windows");
  }
  const datasets: ServeGenDataset[] = [];
  for (const [start, fields] of Object.entries(windows as Record<string, unknown>)) {
    if (!/^\d+$/.test(start)) throw badCell(at, "window", start, "seconds, a whole number");
    const lengths = fields as { input_tokens?: unknown; output_tokens?: unknown } | null;
    const input = parseLengths(at, `${start}.input_tokens`, lengths?.input_tokens);
    const output = parseLengths(at, `${start}.output_tokens`, lengths?.output_tokens);
    if (input.tokens.length > 0 && output.tokens.length > 0) {
      datasets.push({ startSeconds: Number(start), input, output });
    }
  }
  return datasets.sort((a, b) => a.startSeconds - b.startSeconds);
}

const ENTRY = /^\s*(\d+)\s*:\s*(nan|[\d.eE+-]+)\s*$/;

/** The text of a Python dict `{tokens: probability}`; entries of `nan` are left out. */
function parseLengths(at: RowPosition, name: string, value: unknown): LengthTable {
  const allowed = "the text of a Python dict {tokens: probability}";
  if (typeof value !== "string" || !/^\s*\{.*\}\s*$/s.test(value)) throw badCell(at, name, value, allowed);
  const body = value.trim().slice(1, -1).trim();
  const tokens: number[] = [];
  const weights: number[] = [];
  for (const entry of body === "" ? [] : body.split(",")) {
    const match = ENTRY.exec(entry);
    if (match === null) throw badCell(at, name, entry, allowed);
    if (match[2] === "nan") continue;
    const weight = Number(match[2]);
    const count = Number(match[1]);
    if (!(weight >= 0 && Number.isFinite(weight)) || count >= 2 ** 31) throw badCell(at, name, entry, allowed);
    if (weight === 0) continue;
    tokens.push(Math.max(1, count));
    weights.push(weight);
  }
  return { tokens: Int32Array.from(tokens), weights };
}

/**
 * Requests of all clients in one span of time. In each window a client sends its rate times the window's length, with
 * gaps of the window's distribution rescaled to fill the window, so that the rate holds however bursty the gaps are.
 * Rows carry the client as their class.
 *
 * @throws TraceError when no request falls into the span
 */
export function serveGenWorkload(clients: readonly ServeGenClient[], options: ServeGenOptions): Workload {
  const rows: Rows = { arrivalUs: [], promptTokens: [], outputTokens: [], classOf: [] };
  clients.forEach((client, index) => {
    addClient(rows, client, index, options);
  });
  if (rows.arrivalUs.length === 0) {
    throw new TraceError(`${options.name}: found no request in the span; allowed: a span with 1 or more`);
  }
  const arrivalUs = Float64Array.from(rows.arrivalUs);
  const workload: Workload = {
    name: options.name,
    count: arrivalUs.length,
    arrivalUs,
    promptTokens: Int32Array.from(rows.promptTokens),
    outputTokens: Int32Array.from(rows.outputTokens),
    classOf: Uint8Array.from(rows.classOf),
    classes: clients.slice(0, MAX_CLASSES).map((client) => ({ name: client.name, priority: 0 })),
  };
  return reorderRows(workload, ascendingOrder(arrivalUs));
}

interface Rows {
  readonly arrivalUs: number[];
  readonly promptTokens: number[];
  readonly outputTokens: number[];
  readonly classOf: number[];
}

function addClient(rows: Rows, client: ServeGenClient, index: number, options: ServeGenOptions): void {
  const seed = hashSeed(options.seed);
  const stream = (part: string): number => streamId(`servegen/${client.name}/${part}`);
  const gaps = stream("gaps");
  const inputs = stream("input");
  const outputs = stream("output");
  const samplers = client.datasets.map(({ startSeconds, input, output }) => ({
    startSeconds,
    input: tokenQuantile(input),
    output: tokenQuantile(output),
  }));
  client.windows.forEach((window, w) => {
    const endSeconds = client.windows[w + 1]?.startSeconds ?? window.startSeconds + LAST_WINDOW_SECONDS;
    const sampler = samplers.findLast(({ startSeconds }) => startSeconds <= window.startSeconds);
    const overlaps =
      endSeconds > options.startSeconds && window.startSeconds < options.startSeconds + options.durationSeconds;
    if (!overlaps || sampler === undefined || window.ratePerSecond === 0) return;
    const expected = window.ratePerSecond * (options.rateScale ?? 1) * (endSeconds - window.startSeconds);
    const count = Math.floor(expected + counterUniform(seed, stream("count"), w));
    let draw = w * DRAWS_PER_WINDOW;
    for (const seconds of windowArrivals(window, endSeconds, count, seed, gaps, draw)) {
      const at = seconds - options.startSeconds;
      draw++;
      if (at < 0 || at >= options.durationSeconds) continue;
      rows.arrivalUs.push(Math.round(at * 1e6));
      rows.promptTokens.push(sampler.input(counterUniform(seed, inputs, draw)));
      rows.outputTokens.push(sampler.output(counterUniform(seed, outputs, draw)));
      rows.classOf.push(Math.min(index, MAX_CLASSES - 1));
    }
  });
}

function tokenQuantile(table: LengthTable): (uniform: number) => number {
  const category = categoricalQuantile(table.weights);
  return (uniform) => table.tokens[category(uniform)]!;
}

/** `count` times in the window: count + 1 gaps, their sum rescaled to the window's length. */
function windowArrivals(
  window: ServeGenWindow,
  endSeconds: number,
  count: number,
  seed: number,
  stream: number,
  firstDraw: number,
): number[] {
  const times: number[] = [];
  let elapsed = 0;
  for (let i = 0; i <= count; i++) {
    elapsed += gapDraw(window, seed, stream, firstDraw + i);
    times.push(elapsed);
  }
  const scale = elapsed > 0 ? (endSeconds - window.startSeconds) / elapsed : 0;
  return times.slice(0, count).map((time) => window.startSeconds + time * scale);
}

function gapDraw(window: ServeGenWindow, seed: number, stream: number, index: number): number {
  if (window.pattern === "Gamma") return gammaDraw(window.shape, seed, stream, index);
  return pow(-log(1 - counterUniform(seed, stream, index)), 1 / window.shape);
}
