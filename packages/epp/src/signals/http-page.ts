/** Why a scrape brought no page. */
export type ScrapeFailure = "connect" | "timeout" | "closed" | "status" | "malformed" | "too-large";

/** Takes over what a response brought; the bytes hold until the call returns. */
export interface PageSink {
  page(bytes: Buffer, from: number, to: number): void;
  failed(kind: ScrapeFailure, detail: string): void;
}

const MAX_HEAD_BYTES = 32 * 1024;
/** Longest line that gives a chunk's size, extensions included. */
const MAX_CHUNK_LINE_BYTES = 256;
/** A buffer above this is given back after its page. */
const KEPT_BUFFER_BYTES = 1024 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");
const LINE_END = Buffer.from("\r\n");

/** Whether the connection may carry the next request: `more` = the response is not complete yet. */
export type Progress = "more" | "keep" | "close";

/**
 * Reads one HTTP/1 response after another: with a content length, chunked, or up to the end of the connection. A response
 * that comes in one piece is handed on in place; only others are copied.
 */
export class HttpPageReader {
  readonly #sink: PageSink;
  readonly #maxBytes: number;
  /** A response that comes in pieces. */
  #own: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  /** Bytes in `#own`. */
  #length = 0;
  /** Where the body begins, 0 while the head is not complete. */
  #bodyFrom = 0;
  /** −1 = chunked, −2 = up to the end of the connection. */
  #bodyBytes = 0;
  #status = 0;
  #keepAlive = true;
  /** Of a chunked body, put together in place: its end so far, and the next byte to look at. */
  #writeAt = 0;
  #readAt = 0;

  constructor(sink: PageSink, maxBytes: number) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
  }

  /** Forgets a response that came in part. */
  reset(): void {
    this.#length = 0;
    this.#bodyFrom = 0;
    if (this.#own.length > KEPT_BUFFER_BYTES) this.#own = Buffer.alloc(0);
  }

  /** Bytes have come; `bytes` is scratch of the caller that may be written to. */
  data(bytes: Buffer, count: number): Progress {
    let buffer = bytes;
    let length = count;
    if (this.#length > 0) {
      this.#append(bytes, count);
      buffer = this.#own;
      length = this.#length;
    }
    const progress = this.#advance(buffer, length);
    if (progress === "more" && this.#length === 0) this.#append(bytes, count);
    else if (progress !== "more") this.reset();
    return progress;
  }

  /** The peer sends no more. Gives whether that completed a response. */
  ended(): boolean {
    if (this.#bodyFrom === 0 || this.#bodyBytes !== -2) return false;
    this.#deliver(this.#own, this.#length);
    this.reset();
    return true;
  }

  #append(bytes: Buffer, count: number): void {
    const needed = this.#length + count;
    if (needed > this.#own.length) {
      const known = this.#bodyFrom > 0 && this.#bodyBytes > 0 ? this.#bodyFrom + this.#bodyBytes : 0;
      const wider = Buffer.allocUnsafeSlow(Math.max(needed, known, 2 * this.#own.length));
      this.#own.copy(wider, 0, 0, this.#length);
      this.#own = wider;
    }
    bytes.copy(this.#own, this.#length, 0, count);
    this.#length = needed;
  }

  #advance(buffer: Buffer, length: number): Progress {
    if (this.#bodyFrom === 0) {
      const end = buffer.subarray(0, Math.min(length, MAX_HEAD_BYTES)).indexOf(HEAD_END);
      if (end < 0) return length < MAX_HEAD_BYTES ? "more" : this.#fail("malformed", "no end of the headers");
      const broken = this.#readHead(buffer.toString("latin1", 0, end));
      if (broken !== undefined) return this.#fail("malformed", broken);
      this.#bodyFrom = end + HEAD_END.length;
      this.#writeAt = this.#readAt = this.#bodyFrom;
    }
    const has = length - this.#bodyFrom;
    const bytes = this.#bodyBytes;
    if (bytes > this.#maxBytes || (bytes < 0 && has > this.#maxBytes)) return this.#tooLarge();
    if (bytes === -2) return "more";
    if (bytes === -1) return this.#dechunk(buffer, length);
    if (has < bytes) return "more";
    return this.#complete(buffer, this.#bodyFrom + bytes, length === this.#bodyFrom + bytes);
  }

  /** Reads status and headers; gives what is wrong with them. */
  #readHead(head: string): string | undefined {
    const status = /^HTTP\/1\.([01]) (\d{3})(?: |\r|$)/.exec(head);
    if (status === null) return "no HTTP/1 status line";
    this.#status = Number(status[2]);
    if (this.#status < 200) return `status ${this.#status}`;
    const lower = head.toLowerCase();
    const connection = headerOf(lower, "connection");
    this.#keepAlive = status[1] === "1" ? connection !== "close" : connection === "keep-alive";
    const encoding = headerOf(lower, "content-encoding");
    if (encoding !== undefined && encoding !== "identity") return `content-encoding ${encoding.slice(0, 20)}`;
    const transfer = headerOf(lower, "transfer-encoding");
    if (transfer !== undefined) {
      this.#bodyBytes = -1;
      return transfer === "chunked" ? undefined : `transfer-encoding ${transfer.slice(0, 20)}`;
    }
    const length = headerOf(lower, "content-length");
    if (length === undefined) {
      this.#bodyBytes = this.#status === 204 ? 0 : -2;
      return undefined;
    }
    this.#bodyBytes = Number(length);
    return /^\d{1,15}$/.test(length) ? undefined : `content-length ${length.slice(0, 20)}`;
  }

  /** Moves the chunks together where they are, as far as they have come. */
  #dechunk(buffer: Buffer, length: number): Progress {
    for (;;) {
      const line = buffer.subarray(this.#readAt, Math.min(length, this.#readAt + MAX_CHUNK_LINE_BYTES));
      const lineEnd = line.indexOf(LINE_END);
      if (lineEnd < 0) return line.length < MAX_CHUNK_LINE_BYTES ? "more" : this.#fail("malformed", "chunk size");
      const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;|$)/.exec(line.toString("latin1", 0, lineEnd));
      if (size === null) return this.#fail("malformed", "chunk size");
      const bytes = Number.parseInt(size[1]!, 16);
      const from = this.#readAt + lineEnd + LINE_END.length;
      if (bytes === 0) return this.#trailers(buffer, from, length);
      if (this.#writeAt - this.#bodyFrom + bytes > this.#maxBytes) return this.#tooLarge();
      const end = from + bytes;
      if (end + LINE_END.length > length) return "more";
      if (buffer[end] !== 0x0d || buffer[end + 1] !== 0x0a) return this.#fail("malformed", "end of a chunk");
      buffer.copyWithin(this.#writeAt, from, end);
      this.#writeAt += bytes;
      this.#readAt = end + LINE_END.length;
    }
  }

  #trailers(buffer: Buffer, from: number, length: number): Progress {
    // The last chunk's own line end may be the first half of the empty line that ends the trailers.
    const end = buffer.subarray(from - LINE_END.length, length).indexOf(HEAD_END);
    if (end < 0) return length - from < MAX_HEAD_BYTES ? "more" : this.#fail("malformed", "trailers");
    return this.#complete(buffer, this.#writeAt, from - LINE_END.length + end + HEAD_END.length === length);
  }

  #complete(buffer: Buffer, to: number, nothingBehind: boolean): Progress {
    this.#deliver(buffer, to);
    return this.#keepAlive && nothingBehind ? "keep" : "close";
  }

  #deliver(buffer: Buffer, to: number): void {
    if (this.#status === 200) this.#sink.page(buffer, this.#bodyFrom, to);
    else this.#sink.failed("status", `status ${this.#status}`);
  }

  #tooLarge(): Progress {
    return this.#fail("too-large", `more than ${this.#maxBytes} bytes`);
  }

  #fail(kind: ScrapeFailure, detail: string): Progress {
    this.#sink.failed(kind, detail);
    return "close";
  }
}

/** The value of a header in a lower-cased head; undefined without it. */
function headerOf(head: string, name: string): string | undefined {
  const at = head.indexOf(`\r\n${name}:`);
  if (at < 0) return undefined;
  const from = at + name.length + 3;
  const end = head.indexOf("\r\n", from);
  return (end < 0 ? head.slice(from) : head.slice(from, end)).trim();
}
