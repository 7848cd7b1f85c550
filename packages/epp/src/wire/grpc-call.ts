import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { GRPC_STATUS, type GrpcCall, type GrpcCallHandler, type GrpcMethod, type GrpcStatus } from "./grpc.ts";
import { type FramingFault, MessageCutter } from "./grpc-framing.ts";

/** What one call may use. */
export interface CallLimits {
  readonly maxRecvMessageBytes: number;
  readonly maxSendMessageBytes: number;
  /** Above this many unsent bytes `send` gives false. */
  readonly slowPeerBytes: number;
  /** Above this many unsent bytes the call is ended. */
  readonly maxUnsentBytes: number;
}

/** What a call runs on. */
export interface CallHost {
  readonly limits: CallLimits;
  /** Has `flush` called when the present tick's work is done. */
  flushLater(call: ServerCall): void;
  /** Has `letGo` called when the answer has been handed to the network: a reset would overtake it. */
  letGoLater(call: ServerCall): void;
  callClosed(call: ServerCall): void;
}

const RESPONSE_HEADERS = { ":status": 200, "content-type": "application/grpc" };
const WAIT_FOR_TRAILERS = { waitForTrailers: true };
const OK_TRAILERS = { "grpc-status": "0" };
/** Frames up to this are joined into one write; longer ones are handed over as they lie. */
const JOIN_BYTES = 32 * 1024;
const PREFIX_BYTES = 5;

/** One call on one HTTP/2 stream. What is sent within a tick goes out in one write. */
export class ServerCall implements GrpcCall {
  readonly #stream: ServerHttp2Stream;
  readonly #host: CallHost;
  readonly #cutter: MessageCutter;
  #handler: GrpcCallHandler | undefined;
  #frames: Uint8Array[] = [];
  #frameBytes = 0;
  #flushQueued = false;
  #receiving = false;
  #slow = false;
  #status: GrpcStatus | -1 = -1;
  #message = "";
  #finished = false;
  #abandoned = false;
  #halfClosed = false;

  constructor(stream: ServerHttp2Stream, host: CallHost) {
    this.#stream = stream;
    this.#host = host;
    this.#cutter = new MessageCutter(host.limits.maxRecvMessageBytes, (bytes) => this.#deliver(bytes));
  }

  /** Whether the peer, not the server, has ended the stream before both sides were done. */
  get resetByPeer(): boolean {
    return !this.#abandoned && (!this.#finished || this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR);
  }

  open(method: GrpcMethod): void {
    this.#handler = method.open(this);
  }

  send(message: Uint8Array): boolean {
    const length = message.length;
    if (length > this.#host.limits.maxSendMessageBytes) return this.#tooLargeToSend(length);
    const prefix = Buffer.allocUnsafe(length > JOIN_BYTES ? PREFIX_BYTES : PREFIX_BYTES + length);
    prefix[0] = 0;
    prefix.writeUInt32BE(length, 1);
    if (length > JOIN_BYTES) {
      this.#queue(prefix);
      return this.#queue(message);
    }
    prefix.set(message, PREFIX_BYTES);
    return this.#queue(prefix);
  }

  sendFrame(frame: Uint8Array): boolean {
    const length = frame.length - PREFIX_BYTES;
    return length > this.#host.limits.maxSendMessageBytes ? this.#tooLargeToSend(length) : this.#queue(frame);
  }

  end(): void {
    this.#finish(GRPC_STATUS.ok, "");
  }

  fail(status: GrpcStatus, message: string): void {
    this.#finish(status, message);
  }

  /** Bytes from the peer. */
  received(chunk: Buffer): void {
    if (this.#status !== -1) return;
    this.#receiving = true;
    const fault = this.#cutter.push(chunk);
    if (fault !== undefined) this.#refuse(fault);
    this.#receiving = false;
    if (this.#frameBytes > 0 || this.#status !== -1) this.flush();
  }

  /** The peer sends no more, or has reset the stream, which is no half-close. */
  receivedEnd(): void {
    if (this.#stream.closed) return;
    this.#halfClosed = true;
    if (this.#status !== -1) return;
    this.#receiving = true;
    if (this.#cutter.partial) this.fail(GRPC_STATUS.internal, "the call ended within a message");
    else this.#handler?.halfClosed();
    this.#receiving = false;
    if (this.#frameBytes > 0 || this.#status !== -1) this.flush();
  }

  peerCaughtUp(): void {
    if (!this.#slow || this.#status !== -1) return;
    this.#slow = false;
    this.#handler?.drained?.();
  }

  trailersWanted(): void {
    this.#stream.sendTrailers(this.#status === GRPC_STATUS.ok ? OK_TRAILERS : trailersOf(this.#status, this.#message));
    this.#answered();
  }

  closed(): void {
    if (this.#status === -1) this.#status = GRPC_STATUS.cancelled;
    this.#frames = [];
    this.#frameBytes = 0;
    this.#cutter.clear();
    const handler = this.#handler;
    this.#handler = undefined;
    this.#host.callClosed(this);
    handler?.closed();
  }

  /** Writes what has gathered. */
  flush(): void {
    this.#flushQueued = false;
    if (this.#finished) return;
    const stream = this.#stream;
    const frames = this.#frames;
    const ending = this.#status !== -1;
    if (stream.destroyed || stream.closed || (!ending && frames.length === 0)) return;
    if (ending) this.#finished = true;
    if (!stream.headersSent) {
      if (frames.length === 0) {
        stream.respond({ ...RESPONSE_HEADERS, ...trailersOf(this.#status, this.#message) }, { endStream: true });
        this.#answered();
        return;
      }
      stream.respond(RESPONSE_HEADERS, WAIT_FOR_TRAILERS);
    }
    this.#frames = [];
    this.#write(frames, ending);
    this.#frameBytes = 0;
  }

  /** Once answered, a stream that the peer has not ended is reset without an error: nothing more is read from it. */
  letGo(): void {
    if (!this.#halfClosed && !this.#stream.closed) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** Ends the call whatever its state: the peer is told with a reset. */
  abandon(): void {
    this.#abandoned = true;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #write(frames: readonly Uint8Array[], ending: boolean): void {
    const stream = this.#stream;
    if (frames.length === 0) stream.end();
    else if (frames.length === 1 || this.#frameBytes <= JOIN_BYTES) {
      const chunk = frames.length === 1 ? frames[0]! : Buffer.concat(frames, this.#frameBytes);
      if (ending) stream.end(chunk);
      else stream.write(chunk);
    } else {
      stream.cork();
      for (const frame of frames) stream.write(frame);
      if (ending) stream.end();
      stream.uncork();
    }
  }

  #queue(frame: Uint8Array): boolean {
    if (this.#status !== -1) return true;
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
    const unsent = this.#stream.writableLength + this.#frameBytes;
    if (unsent > this.#host.limits.maxUnsentBytes) {
      this.#frames = [];
      this.#frameBytes = 0;
      this.#status = GRPC_STATUS.resourceExhausted;
      this.abandon();
      return false;
    }
    this.#scheduleFlush();
    if (unsent <= this.#host.limits.slowPeerBytes) return true;
    this.#slow = true;
    return false;
  }

  #finish(status: GrpcStatus, message: string): void {
    if (this.#status !== -1) return;
    this.#status = status;
    this.#message = message;
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#receiving || this.#flushQueued) return;
    this.#flushQueued = true;
    this.#host.flushLater(this);
  }

  #deliver(bytes: Buffer): boolean {
    this.#handler?.message(bytes);
    return this.#status === -1;
  }

  #refuse(fault: FramingFault): void {
    if (fault.kind === "compressed") {
      this.fail(GRPC_STATUS.internal, `message flag ${fault.flag}: messages are to be sent without compression`);
      return;
    }
    const allowed = this.#host.limits.maxRecvMessageBytes;
    this.fail(
      GRPC_STATUS.resourceExhausted,
      `a message of ${fault.lengthBytes} bytes, allowed are ${allowed} (--grpc-max-recv-msg-size)`,
    );
  }

  #tooLargeToSend(lengthBytes: number): boolean {
    const allowed = this.#host.limits.maxSendMessageBytes;
    this.fail(
      GRPC_STATUS.resourceExhausted,
      `an answer of ${lengthBytes} bytes, allowed are ${allowed} (--grpc-max-send-msg-size)`,
    );
    return true;
  }

  #answered(): void {
    this.#cutter.clear();
    if (!this.#halfClosed) this.#host.letGoLater(this);
  }
}

/** The answer to a request that no method takes; undefined when one does. */
export function refusal(headers: IncomingHttpHeaders, method: GrpcMethod | undefined): OutgoingHttpHeaders | undefined {
  const contentType = headers["content-type"];
  if (headers[":method"] !== "POST") return { ":status": 405, allow: "POST" };
  if (contentType === undefined || !/^application\/grpc(?:\+proto)?(?:;|$)/i.test(contentType))
    return {
      ":status": 415,
      ...trailersOf(GRPC_STATUS.unknown, `content-type ${contentType ?? "missing"}, allowed is application/grpc`),
    };
  const encoding = headers["grpc-encoding"];
  if (encoding !== undefined && encoding !== "identity")
    return {
      ...RESPONSE_HEADERS,
      "grpc-accept-encoding": "identity",
      ...trailersOf(GRPC_STATUS.unimplemented, `grpc-encoding ${String(encoding)}, allowed is identity`),
    };
  if (method === undefined)
    return {
      ...RESPONSE_HEADERS,
      ...trailersOf(GRPC_STATUS.unimplemented, `unknown method ${headers[":path"] ?? ""}`),
    };
  return undefined;
}

function trailersOf(status: number, message: string): Record<string, string> {
  const trailers: Record<string, string> = { "grpc-status": String(status) };
  if (message !== "") trailers["grpc-message"] = encodeGrpcMessage(message);
  return trailers;
}

/** Percent-encodes what gRPC does not allow in `grpc-message`: all but printable ASCII without `%`. */
function encodeGrpcMessage(message: string): string {
  let encoded = "";
  for (const byte of Buffer.from(message, "utf8"))
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}
