import type * as zmq from "zeromq";
import { type EventMessage, liveMessage, replayMessage, replayRequest } from "./event-frames.ts";
import type { Replay } from "./event-stream.ts";

/** Limits of a subscription. */
export interface ZmqLimits {
  /** A peer that sends a longer frame is cut off. */
  readonly maxMessageBytes: number;
  readonly reconnectMs: number;
  /** Between two messages of a replay. */
  readonly replayIdleMs: number;
  /** A whole replay. */
  readonly replayMs: number;
}

export const DEFAULT_ZMQ_LIMITS: ZmqLimits = {
  maxMessageBytes: 32 * 1024 * 1024,
  reconnectMs: 5_000,
  replayIdleMs: 2_000,
  replayMs: 120_000,
};

/** Messages that wait in a socket at most; beyond it the newest are lost, which the sequence shows. */
const HIGH_WATER_MARK = 1_000;

/** What the library tells of a connection that it may not make again by itself: a peer that breaks the protocol. */
const LOST = ["disconnect", "handshake:error:protocol", "handshake:error:auth", "handshake:error:other"] as const;

/** Our own attempt to connect comes after the library's. */
const LATER_MS = 100;

/** A SUB socket that gives what comes, one message at a time. */
export class Subscription {
  readonly #socket: zmq.Subscriber;
  #closed = false;
  #reconnect: NodeJS.Timeout | undefined;

  private constructor(socket: zmq.Subscriber) {
    this.#socket = socket;
  }

  /** Connects, and stays at it: the peer need not be there. */
  static connect(library: typeof zmq, endpoint: string, topicFilter: string, limits: ZmqLimits): Subscription {
    const socket = subscriber(library, topicFilter, limits);
    const subscription = new Subscription(socket);
    for (const event of LOST) socket.events.on(event, () => subscription.#lost(endpoint, limits.reconnectMs));
    socket.events.on("connect", () => subscription.#keep());
    socket.connect(endpoint);
    return subscription;
  }

  static async bind(
    library: typeof zmq,
    endpoint: string,
    topicFilter: string,
    limits: ZmqLimits,
  ): Promise<Subscription> {
    const socket = subscriber(library, topicFilter, limits);
    await socket.bind(endpoint);
    return new Subscription(socket);
  }

  /** Where it is bound, the port told. */
  get boundEndpoint(): string | undefined {
    return this.#socket.lastEndpoint ?? undefined;
  }

  /** Hands over each message, undefined for one that is none of ours, until it is closed. */
  async each(take: (message: EventMessage | undefined) => Promise<void>): Promise<void> {
    while (!this.#closed) {
      let frames: Buffer[];
      try {
        frames = await this.#socket.receive();
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
      if (!this.#closed) await take(liveMessage(frames));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#reconnect);
    this.#socket.close();
  }

  /** The library has connected by itself. */
  #keep(): void {
    clearTimeout(this.#reconnect);
    this.#reconnect = undefined;
  }

  #lost(endpoint: string, afterMs: number): void {
    if (this.#closed || this.#reconnect !== undefined) return;
    this.#reconnect = setTimeout(() => {
      this.#reconnect = undefined;
      try {
        this.#socket.disconnect(endpoint);
      } catch {
        // The library has given it up already.
      }
      this.#socket.connect(endpoint);
    }, afterMs + LATER_MS);
  }
}

function subscriber(library: typeof zmq, topicFilter: string, limits: ZmqLimits): zmq.Subscriber {
  const socket = new library.Subscriber({
    linger: 0,
    maxMessageSize: limits.maxMessageBytes,
    // The library adds up to as much again, at random.
    reconnectInterval: Math.ceil(limits.reconnectMs / 2),
    receiveHighWaterMark: HIGH_WATER_MARK,
  });
  socket.subscribe(topicFilter);
  return socket;
}

/** Asks an engine's ROUTER socket for what it still has. */
export function zmqReplay(library: typeof zmq, endpoint: string, limits: ZmqLimits, stopped: () => boolean): Replay {
  return async (from, take) => {
    const socket = new library.Dealer({
      linger: 0,
      maxMessageSize: limits.maxMessageBytes,
      receiveTimeout: limits.replayIdleMs,
      sendTimeout: limits.replayIdleMs,
      receiveHighWaterMark: HIGH_WATER_MARK,
    });
    const until = performance.now() + limits.replayMs;
    try {
      socket.connect(endpoint);
      await socket.send(replayRequest(from));
      while (!stopped() && performance.now() < until) {
        const message = replayMessage(await socket.receive());
        if (message === "end") return true;
        if (message === undefined || !take(message)) return false;
      }
      return false;
    } catch {
      // Nobody there, or nothing more within the idle time.
      return false;
    } finally {
      socket.close();
    }
  };
}
