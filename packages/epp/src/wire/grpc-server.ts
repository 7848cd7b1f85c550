import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerOptions,
} from "node:http2";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { GrpcMethod } from "./grpc.ts";
import type { ServerCall } from "./grpc-call.ts";
import { requireNodeVersion } from "./node-version.ts";
import { ServerSession, type SessionHost } from "./server-session.ts";
import type { TlsMaterial } from "./tls.ts";

/** What peers may use. */
export interface GrpcLimits {
  /** `--grpc-max-recv-msg-size`. */
  readonly maxRecvMessageBytes: number;
  /** `--grpc-max-send-msg-size`. */
  readonly maxSendMessageBytes: number;
  /** Streams that a peer may reset within one second on one connection; beyond it the connection is ended. */
  readonly maxResetsPerSecond: number;
  readonly maxConcurrentStreams: number;
  readonly maxHeaderListBytes: number;
  /** Above this many unsent bytes of a call `send` gives false. */
  readonly slowPeerBytes: number;
  /** Above this many unsent bytes a call is ended. */
  readonly maxUnsentBytes: number;
  /** Memory of one connection, beyond which it gets no new streams. */
  readonly maxSessionBytes: number;
}

/** Message sizes are those of upstream's options; a gateway resets about as many streams as it has requests. */
const DEFAULT_GRPC_LIMITS: GrpcLimits = {
  maxRecvMessageBytes: 4 * 1024 * 1024,
  maxSendMessageBytes: 4 * 1024 * 1024,
  maxResetsPerSecond: 20_000,
  maxConcurrentStreams: 65_536,
  maxHeaderListBytes: 64 * 1024,
  slowPeerBytes: 256 * 1024,
  maxUnsentBytes: 64 * 1024 * 1024,
  maxSessionBytes: 1024 * 1024 * 1024,
};

const UNLIMITED_RESETS = 0x7fffffff;
/** A stream's window: a body of this size needs no round trip. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
const MAX_FRAME_BYTES = 1024 * 1024;

export interface GrpcServerOptions {
  readonly methods: readonly GrpcMethod[];
  readonly tls?: TlsMaterial;
  readonly limits?: Partial<GrpcLimits>;
}

export interface GrpcServer {
  /** Calls that are open now. */
  readonly openCalls: number;
  /** With `reusePort`, a successor may bind the same port meanwhile, and new connections go to either. */
  listen(host: string, port: number, options?: { readonly reusePort?: boolean }): Promise<AddressInfo>;
  /**
   * Takes no new connections, tells every peer to open no more calls, and waits for those that are open; gives how many
   * were left when `timeoutMs` was over and were ended.
   */
  drain(timeoutMs: number): Promise<{ readonly abandoned: number }>;
  /** Ends every call at once. */
  close(): Promise<void>;
  /** Certificates for connections from now on; versions and suites stay unless they are given. */
  setTls(material: TlsMaterial): void;
}

/**
 * A gRPC server on `node:http2`.
 *
 * @throws Error on a Node whose limit of stream resets is fixed.
 */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  requireNodeVersion();
  return new Server(options);
}

class Server implements GrpcServer, SessionHost {
  readonly limits: GrpcLimits;
  readonly #methods: ReadonlyMap<string, GrpcMethod>;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Set<ServerSession>();
  #tls: TlsMaterial | undefined;
  #latestSocket: Socket | undefined;
  #toFlush: ServerCall[] = [];
  #toLetGo: ServerCall[] = [];
  #draining = false;
  #sessionsGone: (() => void) | undefined;

  constructor(options: GrpcServerOptions) {
    this.limits = { ...DEFAULT_GRPC_LIMITS, ...options.limits };
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
    const settings = http2Options(this.limits);
    const { tls } = options;
    this.#tls = tls;
    this.#server = tls === undefined ? createServer(settings) : createSecureServer({ ...settings, ...tls });
    // A session begins within the event of its socket, behind this listener.
    const connected = tls === undefined ? "connection" : "secureConnection";
    this.#server.prependListener(connected, (socket: Socket) => {
      this.#latestSocket = socket;
      socket.setNoDelay(true);
    });
    this.#server.on("session", (session: ServerHttp2Session) => this.#sessionOpened(session));
    // A connection that fails ends alone; its session's "close" says the rest.
    this.#server.on("sessionError", ignore);
    this.#server.on("clientError", ignore);
  }

  get openCalls(): number {
    let calls = 0;
    for (const session of this.#sessions) calls += session.openCalls;
    return calls;
  }

  listen(host: string, port: number, { reusePort = false } = {}): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, host, reusePort }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", ignore);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  async drain(timeoutMs: number): Promise<{ readonly abandoned: number }> {
    this.#draining = true;
    const stopped = this.#stopListening();
    for (const session of this.#sessions) session.drain();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#whenNoSessions(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    const abandoned = this.openCalls;
    for (const session of this.#sessions) session.destroy();
    await stopped;
    return { abandoned };
  }

  async close(): Promise<void> {
    this.#draining = true;
    const stopped = this.#stopListening();
    for (const session of this.#sessions) session.destroy();
    await stopped;
  }

  setTls(material: TlsMaterial): void {
    if (!("setSecureContext" in this.#server)) throw new Error("setTls: the server was created without TLS");
    this.#tls = { ...this.#tls, ...material };
    this.#server.setSecureContext(this.#tls);
  }

  method(path: string): GrpcMethod | undefined {
    return this.#methods.get(path);
  }

  flushLater(call: ServerCall): void {
    if (this.#toFlush.push(call) === 1) process.nextTick(flushAll, this);
  }

  flushCalls(): void {
    const calls = this.#toFlush;
    this.#toFlush = [];
    for (const call of calls) call.flush();
  }

  letGoLater(call: ServerCall): void {
    if (this.#toLetGo.push(call) === 1) setImmediate(letGoAll, this);
  }

  letGoCalls(): void {
    const calls = this.#toLetGo;
    this.#toLetGo = [];
    for (const call of calls) call.letGo();
  }

  sessionClosed(session: ServerSession): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#sessionsGone?.();
  }

  #sessionOpened(session: ServerHttp2Session): void {
    const opened = new ServerSession(session, this.#latestSocket, this);
    this.#sessions.add(opened);
    if (this.#draining) opened.drain();
  }

  #whenNoSessions(gone: () => void): void {
    if (this.#sessions.size === 0) gone();
    else this.#sessionsGone = gone;
  }

  /** Only listening stops: the close of an HTTP/2 server would also close sessions, without the notice that they need. */
  #stopListening(): Promise<void> {
    return new Promise((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
  }
}

function flushAll(server: Server): void {
  server.flushCalls();
}

function letGoAll(server: Server): void {
  server.letGoCalls();
}

function ignore(): void {}

function http2Options(limits: GrpcLimits): ServerOptions {
  return {
    // The reset limits of nghttp2 are for the life of a session and too low for a gateway; ServerSession has its own.
    streamResetBurst: UNLIMITED_RESETS,
    streamResetRate: UNLIMITED_RESETS,
    maxSessionMemory: Math.max(1, Math.ceil(limits.maxSessionBytes / 1_000_000)),
    settings: {
      enablePush: false,
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxFrameSize: MAX_FRAME_BYTES,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: limits.maxHeaderListBytes,
    },
  };
}
