import type { Usage } from "../host/flight.ts";
import type { Parser } from "../parsers/parser.ts";
import { bufferOf } from "../wire/buffer-of.ts";
import { Pieces } from "../wire/pieces.ts";

/** A line or body beyond this is not looked at for usage. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Finds the `usage` of a response while its chunks pass by. */
export class UsageReader {
  usage: Usage | undefined;
  readonly #parser: Parser;
  readonly #isEventStream: boolean;
  /** Of an event stream the unfinished last line, else the whole body so far. */
  readonly #kept = new Pieces();
  /** A line or body that is too long: passed over. */
  #tooLong = false;

  constructor(parser: Parser, isEventStream: boolean) {
    this.#parser = parser;
    this.#isEventStream = isEventStream;
  }

  chunk(bytes: Uint8Array): void {
    let chunk = bufferOf(bytes);
    if (this.#isEventStream) {
      if (this.#tooLong) {
        const lineEnd = chunk.indexOf(LINE_FEED);
        if (lineEnd < 0) return;
        chunk = chunk.subarray(lineEnd + 1);
        this.#tooLong = false;
      }
      const lastBreak = chunk.lastIndexOf(LINE_FEED);
      if (lastBreak >= 0) {
        this.#keep(chunk.subarray(0, lastBreak));
        this.#lines(this.#take());
        chunk = chunk.subarray(lastBreak + 1);
      }
    }
    this.#keep(chunk);
  }

  ended(): void {
    const rest = this.#take();
    if (this.#isEventStream) this.#lines(rest);
    else if (rest.length > 0) this.usage = this.#parser.usageOfResponse(rest);
  }

  #keep(bytes: Buffer): void {
    this.#tooLong ||= this.#kept.bytes + bytes.length > MAX_KEPT_BYTES;
    if (this.#tooLong) this.#kept.clear();
    if (this.#tooLong || bytes.length === 0) return;
    // A copy: what the gateway sends is many messages in one buffer.
    this.#kept.add(Buffer.from(bytes));
  }

  #take(): Buffer {
    this.#tooLong = false;
    return this.#kept.take();
  }

  /** Reads the events of whole lines that may carry usage. */
  #lines(lines: Buffer): void {
    // Most chunks are tokens: one search tells that they carry none.
    for (let at = lines.indexOf('"usage"'); at >= 0; at = lines.indexOf('"usage"', at)) {
      const from = lines.lastIndexOf(LINE_FEED, at) + 1;
      const lineEnd = lines.indexOf(LINE_FEED, at);
      let to = lineEnd < 0 ? lines.length : lineEnd;
      if (lines[to - 1] === CARRIAGE_RETURN) to--;
      const line = lines.toString("utf8", from, to);
      if (line.startsWith("data:"))
        this.usage = this.#parser.usageOfEvent(line.slice(5).trim(), this.usage) ?? this.usage;
      if (lineEnd < 0) return;
      at = lineEnd;
    }
  }
}
