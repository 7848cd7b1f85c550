import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { GrpcMethod } from "./grpc.ts";
import { type CallHost, type CallLimits, refusal, ServerCall } from "./grpc-call.ts";

/** What the sessions of one server share. */
export interface SessionHost {
  readonly limits: CallLimits & { readonly maxResetsPerSecond: number };
  method(path: string): GrpcMethod | undefined;
  flushLater(call: ServerCall): void;
  letGoLater(call: ServerCall): void;
  sessionClosed(session: ServerSession): void;
}

const CALL = Symbol("call");
type CallStream = ServerHttp2Stream & { [CALL]?: ServerCall };

const RESET_WINDOW_MS = 1000;
/** One connection carries every stream of a gateway's worker, so its window is that of many bodies. */
const CONNECTION_WINDOW_BYTES = 64 * 1024 * 1024;
/** GOAWAY whose last stream is the greatest that there can be: open no more, those on their way are served. */
const SHUTDOWN_NOTICE = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** One connection of a peer and the calls on it. */
export class ServerSession implements CallHost {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket | undefined;
  readonly #host: SessionHost;
  #windowStartMs = 0;
  #resets = 0;
  #openCalls = 0;

  /** @param socket what the session runs on, where it is known: the notice of a shutdown is written to it. */
  constructor(session: ServerHttp2Session, socket: Socket | undefined, host: SessionHost) {
    this.#session = session;
    this.#socket = socket;
    this.#host = host;
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#opened(stream, headers));
    session.on("error", ignore);
    session.on("close", () => host.sessionClosed(this));
  }

  get limits(): CallLimits {
    return this.#host.limits;
  }

  get openCalls(): number {
    return this.#openCalls;
  }

  flushLater(call: ServerCall): void {
    this.#host.flushLater(call);
  }

  letGoLater(call: ServerCall): void {
    this.#host.letGoLater(call);
  }

  callClosed(call: ServerCall): void {
    this.#openCalls -= 1;
    if (call.resetByPeer) this.#countReset();
  }

  /**
   * Tells the peer to open no more calls, and closes when those that are open have ended.
   *
   * Node sends only a GOAWAY that names the last stream so far, after which nghttp2 drops the streams that were on their
   * way. RFC 9113, 6.8 has the remedy: first a GOAWAY with the greatest stream, then, a round trip later, the real one.
   * Node does not offer the first, so its bytes are written to the socket, between nghttp2's own writes of whole frames.
   */
  drain(): void {
    const session = this.#session;
    if (session.destroyed || session.closed) return;
    const finish = () => {
      if (!session.destroyed) session.close();
    };
    if (this.#socket?.writable) this.#socket.write(SHUTDOWN_NOTICE);
    if (!session.ping(finish)) finish();
  }

  destroy(): void {
    this.#session.destroy();
  }

  #opened(stream: CallStream, headers: IncomingHttpHeaders): void {
    // Without a listener an error of one stream would end the process; "close" follows in any case.
    stream.on("error", ignore);
    if (stream.destroyed) {
      this.#countReset();
      return;
    }
    const path = headers[":path"];
    const method = path === undefined ? undefined : this.#host.method(path);
    const refused = refusal(headers, method);
    if (refused !== undefined || method === undefined) {
      stream.respond(refused, { endStream: true });
      stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    const call = new ServerCall(stream, this);
    stream[CALL] = call;
    this.#openCalls += 1;
    stream.on("close", onClose);
    stream.on("wantTrailers", onWantTrailers);
    stream.on("drain", onDrain);
    stream.on("end", onEnd);
    call.open(method);
    stream.on("data", onData);
  }

  #countReset(): void {
    const nowMs = performance.now();
    if (nowMs - this.#windowStartMs >= RESET_WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#resets = 0;
    }
    this.#resets += 1;
    if (this.#resets > this.#host.limits.maxResetsPerSecond)
      this.#session.destroy(new Error("too many stream resets"), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

function ignore(): void {}

// One function for all streams: a closure each would cost more than what they do.

function onData(this: CallStream, chunk: Buffer): void {
  this[CALL]!.received(chunk);
}

function onEnd(this: CallStream): void {
  this[CALL]!.receivedEnd();
}

function onDrain(this: CallStream): void {
  this[CALL]!.peerCaughtUp();
}

function onWantTrailers(this: CallStream): void {
  this[CALL]!.trailersWanted();
}

function onClose(this: CallStream): void {
  this[CALL]!.closed();
}
