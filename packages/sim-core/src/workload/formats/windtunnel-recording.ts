import { badCell, badRecord, type RowPosition } from "../row-position.ts";
import type { TraceRows } from "../trace-rows.ts";
import { hasKeys, type RecordReader, type TraceFormat } from "./format.ts";
import { asObject } from "./json-record.ts";

const US_PER_MS = 1000;
const KEY_BYTES = 8;
const MAX = 2 ** 31 - 1;
/** The year 2100. */
const MAX_TIME_MS = 4_102_444_800_000;
/** Ratio of engines' token counts to the router's from which a reader should know of it. */
const TELLING_RATIO = 0.05;

/** What an Endpoint Picker records (`windtunnel epp --record`): requests as it saw them and how their responses ended. */
export const windtunnelRecording: TraceFormat = {
  name: "windtunnel-recording",
  summary: "Recording of an Endpoint Picker (epp --record): arrivals, lengths, salted block keys, sessions, objectives",
  columns: {
    windtunnelRecording: "version of the recording",
    run: "not used",
    segment: "not used",
    wallClockOriginMs: "time 0 of the arrivals",
    startedAtUs: "not used",
    configuration: "not used (replay-decisions does)",
    seed: "not used",
    ignoreSubset: "not used",
    endpoints: "not used",
  },
  matches: (head) => hasKeys(head, "windtunnelRecording"),
  open: (rows) => new RecordingReader(rows),
};

/** A request whose response has not ended yet. */
interface Waiting {
  readonly arrivalUs: number;
  readonly promptTokens: number;
  readonly promptCount: number;
  readonly keys: readonly BlockKeyList[];
  readonly session: string | undefined;
  readonly objective: string;
}

interface BlockKeyList {
  readonly blockSizeTokens: number;
  readonly partial: number;
  readonly keys: string;
}

class RecordingReader implements RecordReader {
  readonly #rows: TraceRows;
  /** By run and request. */
  readonly #waiting = new Map<string, Waiting>();
  /** The last row of each session, and when its response ended. */
  readonly #sessions = new Map<string, { readonly row: number; readonly endUs: number }>();
  #run = "";
  #originUs = 0;
  #routerTokens = 0;
  #engineTokens = 0;

  constructor(rows: TraceRows) {
    this.#rows = rows;
  }

  read(at: RowPosition): void {
    const value = parsed(at);
    if (Array.isArray(value)) this.#event(value, at);
    else this.#header(value as Readonly<Record<string, unknown>>, at);
  }

  end(): void {
    for (const _ of this.#waiting) this.#rows.skip("response that had not ended");
    const ratio = this.#engineTokens / this.#routerTokens;
    if (Math.abs(ratio - 1) > TELLING_RATIO) {
      const factor = ratio.toFixed(2);
      this.#rows.note(`prompt tokens are the router's count; the engines counted ${factor} times as many`);
    }
  }

  #header({ run, wallClockOriginMs }: Readonly<Record<string, unknown>>, at: RowPosition): void {
    if (typeof wallClockOriginMs !== "number" || !(Math.abs(wallClockOriginMs) <= MAX_TIME_MS)) {
      throw badCell(at, "wallClockOriginMs", wallClockOriginMs, "milliseconds since 1970");
    }
    this.#run = String(run);
    this.#originUs = Math.round(wallClockOriginMs * US_PER_MS);
  }

  #event(event: readonly unknown[], at: RowPosition): void {
    const [kind, timeUs, request] = event;
    if (!(typeof timeUs === "number" && Number.isSafeInteger(timeUs) && timeUs >= 0)) {
      throw badRecord(at, 1, at.text, "a kind, then a time in microseconds");
    }
    if (kind === "request") this.#request(`${this.#run}/${request}`, timeUs, event, at);
    else if (kind === "ended") this.#ended(`${this.#run}/${request}`, timeUs, event, at);
    else if (kind === "gap") this.#rows.note(`${request} lines were not recorded: the disk was too slow`);
  }

  #request(name: string, timeUs: number, event: readonly unknown[], at: RowPosition): void {
    const facts = asObject(event[3]);
    const decision = asObject(event[4]);
    if (facts === undefined || decision === undefined) throw badRecord(at, 1, at.text, "a request and its decision");
    const whole = (key: string): number => wholeNumber(facts[key], at, key);
    if (decision.to === undefined) {
      this.#rows.skip(decision.refused === undefined ? "failed in the router" : "refused by the router");
      return;
    }
    const { session, objective, keys } = facts;
    this.#waiting.set(name, {
      arrivalUs: this.#originUs + timeUs - whole("waitedUs"),
      promptTokens: whole("promptTokens"),
      promptCount: whole("promptCount"),
      keys: Array.isArray(keys) ? keyLists(keys as unknown[]) : [],
      session: typeof session === "string" ? `${this.#run}/${session}` : undefined,
      objective: typeof objective === "string" ? objective : "no objective",
    });
  }

  #ended(name: string, timeUs: number, event: readonly unknown[], at: RowPosition): void {
    const waiting = this.#waiting.get(name);
    const ended = asObject(event[3]);
    if (waiting === undefined) return;
    this.#waiting.delete(name);
    if (ended === undefined) throw badRecord(at, 1, at.text, "how a response ended");
    if (ended.outputTokens === undefined) {
      this.#rows.skip(ended.end === "completed" ? "response without usage" : `response ${String(ended.end)}`);
      return;
    }
    this.#add(waiting, wholeNumber(ended.outputTokens, at, "outputTokens"), this.#originUs + timeUs);
    this.#routerTokens += waiting.promptTokens;
    this.#engineTokens += typeof ended.promptTokens === "number" ? ended.promptTokens : waiting.promptTokens;
  }

  #add(waiting: Waiting, outputTokens: number, endUs: number): void {
    const { arrivalUs, promptTokens, session } = waiting;
    const before = session === undefined ? undefined : this.#sessions.get(session);
    // A request that came before the one ahead had ended did not wait for it.
    const follows = before !== undefined && before.endUs <= arrivalUs;
    const row = follows
      ? this.#rows.addReleased(before.row, arrivalUs - before.endUs, promptTokens, outputTokens)
      : this.#rows.add(arrivalUs, promptTokens, outputTokens);
    if (session !== undefined) this.#sessions.set(session, { row, endUs });
    this.#rows.setClass(waiting.objective);
    this.#nameBlocks(waiting);
  }

  /** By the finest keys that policies asked for. Several prompts in one body share nothing here. */
  #nameBlocks({ keys, promptCount }: Waiting): void {
    if (promptCount !== 1 || keys.length === 0) return;
    const finest = keys.reduce((best, list) => (list.blockSizeTokens < best.blockSizeTokens ? list : best));
    const { blockSizeTokens, partial } = finest;
    this.#rows.nameBlocks(blockIds(finest.keys), blockSizeTokens, 2 * blockSizeTokens + partial);
  }
}

function parsed(at: RowPosition): unknown {
  try {
    const value: unknown = JSON.parse(at.text);
    if (Array.isArray(value) || asObject(value) !== undefined) return value;
  } catch {
    // Said below.
  }
  throw badRecord(at, 1, at.text, "a line of a recording");
}

function wholeNumber(value: unknown, at: RowPosition, key: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX) return value;
  throw badCell(at, key, value, `a whole number from 0 to ${MAX}`);
}

/** Those of the first prompt. */
function keyLists(lists: readonly unknown[]): BlockKeyList[] {
  return lists.flatMap((list) => {
    const [blockSizeTokens, partial, prompt, keys] = Array.isArray(list) ? (list as unknown[]) : [];
    const usable = typeof blockSizeTokens === "number" && typeof keys === "string" && prompt === 0;
    return usable ? [{ blockSizeTokens, partial: Number(partial), keys }] : [];
  });
}

/** 53 bits of each 64-bit key: more than enough to tell the blocks under one prefix apart. */
function blockIds(base64: string): number[] {
  const bytes = base64Bytes(base64);
  const ids: number[] = [];
  for (let at = 0; at + KEY_BYTES <= bytes.length; at += KEY_BYTES) {
    const word = (from: number): number =>
      (bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24)) >>> 0;
    ids.push((word(at + 4) & 0x1fffff) * 2 ** 32 + word(at));
  }
  return ids;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** No host gives this to the simulator. */
function base64Bytes(text: string): Uint8Array {
  const digits = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let held = 0;
  let bits = 0;
  let length = 0;
  for (let i = 0; i < digits.length; i++) {
    held = ((held << 6) | BASE64.indexOf(digits[i]!)) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = (held >> bits) & 0xff;
  }
  return bytes;
}
