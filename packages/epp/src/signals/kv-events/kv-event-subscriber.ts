import type { HostEndpoint } from "@windtunnel/router-policies";
import type * as zmq from "zeromq";
import type { Clock } from "../../host/clock.ts";
import type { EndpointListener, LiveRouter } from "../../host/live-router.ts";
import type { Log } from "../../host/log.ts";
import { EngineBlocks, type KvEventCounters, newKvEventCounters } from "./engine-blocks.ts";
import { type EventMessage, topicParts } from "./event-frames.ts";
import { EventStream, newStreamCounters, type StreamCounters } from "./event-stream.ts";
import type { KvEventsConfig } from "./kv-events-config.ts";
import { DEFAULT_ZMQ_LIMITS, Subscription, type ZmqLimits, zmqReplay } from "./zmq-sockets.ts";

/** Engine blocks of one endpoint that are kept at most. */
const DEFAULT_MAX_BLOCKS = 2 ** 21;
const RANK = /-rank-(\d{1,3})$/;

export interface KvEventSubscriberOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly maxBlocksPerEndpoint?: number;
  readonly zmq?: Partial<ZmqLimits>;
}

/** Follows the engines' KV-cache events over ZMQ for one precise producer, and tells the router of them in its own keys. */
export class KvEventSubscriber implements EndpointListener {
  readonly messages: StreamCounters = newStreamCounters();
  readonly events: KvEventCounters = newKvEventCounters();
  readonly #config: KvEventsConfig;
  readonly #live: LiveRouter;
  readonly #options: KvEventSubscriberOptions;
  readonly #limits: ZmqLimits;
  readonly #fleetTiers = new Set<string>();
  readonly #sources = new Map<HostEndpoint, EndpointEvents>();
  #library: typeof zmq | undefined;
  #bound: Subscription | undefined;
  #stopped = false;

  constructor(config: KvEventsConfig, live: LiveRouter, options: KvEventSubscriberOptions) {
    this.#config = config;
    this.#live = live;
    this.#options = options;
    this.#limits = { ...DEFAULT_ZMQ_LIMITS, ...options.zmq };
  }

  /** Resolves when it listens. The socket library is loaded here, for those who need it. */
  async start(): Promise<void> {
    this.#library = await import("zeromq");
    if (this.#stopped) return;
    this.#live.follow(this);
    const { bindEndpoint, topicFilter } = this.#config;
    if (bindEndpoint === undefined) return;
    this.#bound = await Subscription.bind(this.#library, bindEndpoint, topicFilter, this.#limits);
    if (this.#stopped) this.#bound.close();
    else this.#follow(this.#bound, (message) => this.#central(message), bindEndpoint);
  }

  stop(): void {
    this.#stopped = true;
    this.#bound?.close();
    for (const source of this.#sources.values()) source.close();
    this.#sources.clear();
  }

  /** Where the central socket is bound, the port told; undefined without one. */
  get boundEndpoint(): string | undefined {
    return this.#bound?.boundEndpoint;
  }

  /** Engine blocks known of an endpoint. */
  blocksOf(endpoint: HostEndpoint): number {
    return this.#sources.get(endpoint)?.blocks.size ?? 0;
  }

  endpointAdded(endpoint: HostEndpoint): void {
    if (this.#stopped) return;
    const { keys, socketPort, replaySocketPort, topicFilter } = this.#config;
    const emit = (event: Parameters<LiveRouter["kvEvent"]>[1]): void => this.#live.kvEvent(endpoint, event);
    const maxBlocks = this.#options.maxBlocksPerEndpoint ?? DEFAULT_MAX_BLOCKS;
    const limits = { maxBlocks, fleetTiers: this.#fleetTiers };
    const source = new EndpointEvents(new EngineBlocks(keys, limits, this.events, emit));
    this.#sources.set(endpoint, source);
    const nowUs = (): number => this.#options.clock.nowUs();
    source.central = new EventStream(source.blocks, this.messages, nowUs);
    if (socketPort === undefined) return;
    const host = endpoint.address.slice(0, endpoint.address.lastIndexOf(":"));
    const rank = Number(RANK.exec(endpoint.name)?.[1] ?? 0);
    const library = this.#library!;
    const replay =
      replaySocketPort === undefined
        ? undefined
        : zmqReplay(library, `tcp://${host}:${replaySocketPort + rank}`, this.#limits, () => source.closed);
    const stream = new EventStream(source.blocks, this.messages, nowUs, replay);
    const where = `tcp://${host}:${socketPort + rank}`;
    source.socket = Subscription.connect(library, where, topicFilter, this.#limits);
    const first = stream.catchUp();
    this.#follow(source.socket, (message) => first.then(() => stream.message(message)), where);
  }

  endpointRemoved(endpoint: HostEndpoint): void {
    this.#sources.get(endpoint)?.close();
    this.#sources.delete(endpoint);
  }

  /** A message on the socket that all engines send to: its topic names the endpoint. */
  async #central(message: EventMessage): Promise<void> {
    const endpoint = this.#live.endpointAt(topicParts(message.topic ?? "").pod);
    const stream = endpoint === undefined ? undefined : this.#sources.get(endpoint)?.central;
    if (stream === undefined) this.messages.unknownPods++;
    else await stream.message(message);
  }

  #follow(subscription: Subscription, take: (message: EventMessage) => Promise<void>, where: string): void {
    const each = async (message: EventMessage | undefined): Promise<void> => {
      if (message === undefined) {
        this.messages.malformed++;
        return;
      }
      try {
        await take(message);
      } catch (error) {
        // One message must not end the subscription.
        this.#options.log.error({ socket: where, error: (error as Error).message }, "a KV event message failed");
      }
    };
    subscription.each(each).catch((error: Error) => {
      this.#options.log.error({ socket: where, error: error.message }, "KV events stop: the socket failed");
    });
  }
}

/** What is kept of one endpoint. */
class EndpointEvents {
  readonly blocks: EngineBlocks;
  /** Of the socket that all engines send to. */
  central: EventStream | undefined;
  socket: Subscription | undefined;
  closed = false;

  constructor(blocks: EngineBlocks) {
    this.blocks = blocks;
  }

  close(): void {
    this.closed = true;
    this.socket?.close();
  }
}
