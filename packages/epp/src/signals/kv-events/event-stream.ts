import type { EngineBlocks } from "./engine-blocks.ts";
import { decodeEventBatch, type EngineEventBatch } from "./engine-event.ts";
import { type EventMessage, topicParts } from "./event-frames.ts";
import { MsgpackError } from "./msgpack-reader.ts";

/** What messages have come to; all only grow. */
export interface StreamCounters {
  messages: number;
  /** Frames or payloads that are none of ours. */
  malformed: number;
  /** Messages whose pod is no endpoint. */
  unknownPods: number;
  unknownEvents: number;
  malformedEvents: number;
  /** Messages that never came. */
  missed: number;
  replays: number;
  replayFailures: number;
  /** Sequences that went back: the engine has begun anew. */
  restarts: number;
}

export const newStreamCounters = (): StreamCounters => ({
  messages: 0,
  malformed: 0,
  unknownPods: 0,
  unknownEvents: 0,
  malformedEvents: 0,
  missed: 0,
  replays: 0,
  replayFailures: 0,
  restarts: 0,
});

/** Gets the messages from a sequence on and hands them over; gives whether it got all that the engine still has. */
export type Replay = (from: bigint, take: (message: EventMessage) => boolean) => Promise<boolean>;

/** A replay that failed is not tried again before this is over. */
const REPLAY_COOLDOWN_US = 30_000_000;

/** One endpoint's events in order: sees gaps and restarts by their sequence, and closes gaps where it can. */
export class EventStream {
  readonly #blocks: EngineBlocks;
  readonly #counters: StreamCounters;
  readonly #replay: Replay | undefined;
  readonly #nowUs: () => number;
  /** The last one applied, −1 before any: a replay may be ahead of what comes live. */
  #last = -1n;
  /** The last one that came live. */
  #lastLive = -1n;
  /** Of the last topic; undefined before any. */
  #model: string | undefined;
  #replayFailedAtUs = Number.NEGATIVE_INFINITY;
  /** A replay has failed: there is more to know. */
  #incomplete = false;

  constructor(blocks: EngineBlocks, counters: StreamCounters, nowUs: () => number, replay?: Replay) {
    this.#blocks = blocks;
    this.#counters = counters;
    this.#nowUs = nowUs;
    this.#replay = replay;
  }

  /** Gets what the engine still has of the time before this stream began. */
  async catchUp(): Promise<void> {
    if (this.#last < 0n) await this.#catchUpFrom(0n);
  }

  /** A live message; messages are to be handed over one after another. */
  async message(message: EventMessage): Promise<void> {
    this.#counters.messages++;
    if (message.topic !== undefined) this.#model = topicParts(message.topic).model;
    const { sequence } = message;
    if (sequence < this.#lastLive) {
      this.#counters.restarts++;
      this.#forget();
    }
    this.#lastLive = sequence;
    if (this.#incomplete || sequence > this.#last + 1n) await this.#gapBefore(sequence);
    // A replay may have brought it already.
    if (sequence > this.#last) this.#apply(message);
  }

  async #gapBefore(sequence: bigint): Promise<void> {
    const from = this.#last + 1n;
    const missed = from > 0n && sequence > from ? Number(sequence - from) : 0;
    if (!(await this.#catchUpFrom(this.#incomplete ? 0n : from))) this.#counters.missed += missed;
  }

  /** Gives whether nothing is missing any more. What was known is kept until an engine answers. */
  async #catchUpFrom(from: bigint): Promise<boolean> {
    if (this.#replay === undefined || this.#nowUs() - this.#replayFailedAtUs < REPLAY_COOLDOWN_US) return false;
    this.#counters.replays++;
    let expected = from;
    let begun = false;
    let unnamed = false;
    const complete = await this.#replay(from, (message) => {
      if (message.topic !== undefined) this.#model = topicParts(message.topic).model;
      // Keys are made of the model's name, which the first live message will tell.
      unnamed = this.#model === undefined;
      if (unnamed || message.sequence < expected) return !unnamed;
      // Begins anew; or what is lost for good may have removed blocks.
      if ((!begun && from === 0n && this.#last >= 0n) || message.sequence > expected) this.#forget();
      begun = true;
      this.#apply(message);
      expected = message.sequence + 1n;
      return true;
    });
    if (unnamed) return false;
    this.#incomplete = !complete;
    if (complete) return true;
    this.#counters.replayFailures++;
    this.#replayFailedAtUs = this.#nowUs();
    return false;
  }

  #forget(): void {
    this.#last = -1n;
    this.#blocks.clear();
  }

  #apply({ sequence, payload }: EventMessage): void {
    this.#last = sequence;
    let batch: EngineEventBatch;
    try {
      batch = decodeEventBatch(payload);
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      this.#counters.malformed++;
      return;
    }
    this.#counters.unknownEvents += batch.unknownEvents;
    this.#counters.malformedEvents += batch.malformedEvents;
    for (const event of batch.events) this.#blocks.apply(event, this.#model ?? "");
  }
}
