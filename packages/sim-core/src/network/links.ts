import { InvariantError } from "../errors.ts";
import { FairShares } from "./fair-shares.ts";
import { ServiceCounters } from "./service-counters.ts";
import { TransferHeap } from "./transfer-heap.ts";

/** A link in one direction. */
export interface Link {
  readonly name: string;
  readonly bytesPerSecond: number;
  /** From the first byte sent to the first byte received. */
  readonly latencyUs: number;
}

/** What a path has beyond its links. */
export interface PathOptions {
  /** Beyond that of its links. Default 0. */
  readonly latencyUs?: number;
  /** Of the bandwidth that reaches the receiver as payload; the rest is the protocol's. Default 1. */
  readonly efficiencyFraction?: number;
}

/** Below what matters and above the rounding of sums: a transfer this close to a microsecond's end is done in it. */
const TOLERANCE_US = 1e-3;

const UNDER_WAY = 1;
const DRAINED = 2;
const CANCELLED = 3;
/** Under way with all of its links to itself, or done with them and not looked at since. */
const ALONE = 4;
const NONE = -1;
/** Of an entry in `#arriving` that counts no more: its transfer's id is free when it goes. */
const FREED = 2;

/**
 * Transfers over links that share each link fairly (max-min over their paths).
 *
 * A transfer has bytes on every link of its path at once and at one rate, from when it starts until its last byte is
 * sent; it has ended when the path's latency has passed too, rounded up to a whole microsecond once. Rates change at
 * starts and ends only, fractions of a microsecond stay inside, and looking changes nothing. A start or an end costs
 * the logarithm of what shares a link with it, where one link holds all of that back. Of a transfer that meets no other
 * the end is known at its start: all that it takes is an entry in a heap.
 *
 * Times must not run back.
 */
export class Links {
  readonly links: readonly Link[];
  readonly #counters: ServiceCounters;
  readonly #shares: FairShares;
  readonly #pathLinks: (readonly number[])[] = [];
  readonly #pathLatenciesUs: number[] = [];
  readonly #pathEfficiencies: number[] = [];
  /** Bytes a microsecond, the protocol's included, of a transfer that has the path to itself. */
  readonly #pathRates: number[] = [];
  readonly #pathIds = new Map<string, number>();
  /** Transfers under way on each path, by what the path's counter says at their end. */
  readonly #queues: TransferHeap[] = [];
  /** Of each link the transfer that has it, and all others of its path, to itself, or NONE. */
  readonly #aloneOn: Int32Array;
  /** Transfers whose last byte is sent, or has no other beside it, by when it is there. */
  readonly #arriving = new TransferHeap();
  #leastLatencyUs = Infinity;
  #clockUs = 0;
  /** As of the last look, and whether something has changed since. */
  #nextEndUs = Infinity;
  #isChanged = false;

  // By transfer; an id is used again once its transfer has been taken.
  #paths = new Int32Array(64);
  #tags = new Float64Array(64);
  #bytes = new Float64Array(64);
  #finishes = new Float64Array(64);
  #states = new Uint8Array(64);
  /** Whether it has an entry in `#arriving` that counts no more, as it was made to share; one that does comes later. */
  #stale = new Uint8Array(64);
  #transfers = 0;
  readonly #free: number[] = [];
  #active = 0;

  readonly #carriedBytes: Float64Array;
  readonly #busyUs: Float64Array;
  readonly #busySinceUs: Float64Array;

  constructor(links: readonly Link[]) {
    this.links = links;
    const bandwidths = new Float64Array(links.map(({ bytesPerSecond }) => bytesPerSecond / 1e6));
    this.#aloneOn = new Int32Array(links.length).fill(NONE);
    this.#counters = new ServiceCounters(links.length);
    this.#shares = new FairShares(bandwidths, this.#counters);
    this.#carriedBytes = new Float64Array(links.length);
    this.#busyUs = new Float64Array(links.length);
    this.#busySinceUs = new Float64Array(links.length);
  }

  /** The path over these links, by index, in any order; the same links and options give the same path. */
  path(links: readonly number[], { efficiencyFraction = 1, latencyUs: ownUs = 0 }: PathOptions = {}): number {
    const key = `${links.join(",")}/${efficiencyFraction}/${ownUs}`;
    const known = this.#pathIds.get(key);
    if (known !== undefined) return known;
    const path = this.#pathLinks.length;
    const latencyUs = links.reduce((sum, link) => sum + this.links[link]!.latencyUs, ownUs);
    this.#pathIds.set(key, path);
    this.#pathLinks.push([...new Set(links)]);
    this.#pathLatenciesUs.push(latencyUs);
    this.#pathEfficiencies.push(efficiencyFraction);
    this.#pathRates.push(Math.min(...links.map((link) => this.links[link]!.bytesPerSecond / 1e6)));
    this.#queues.push(new TransferHeap());
    this.#counters.addPath();
    this.#shares.addPath(this.#pathLinks[path]!);
    this.#leastLatencyUs = Math.min(this.#leastLatencyUs, latencyUs);
    return path;
  }

  /** Transfers that have started and neither been taken nor cancelled. */
  get size(): number {
    return this.#active;
  }

  /**
   * When to call `takeEnded` next: no transfer ends before, unless another one starts or is cancelled; Infinity when
   * none is under way. With paths of unlike latencies there may be none to take yet.
   */
  get nextEndUs(): number {
    if (this.#isChanged) {
      this.#dropStale();
      const nextDrainUs = this.#counters.nextUs;
      const drained = nextDrainUs === Infinity ? Infinity : wholeUs(nextDrainUs + this.#leastLatencyUs);
      this.#nextEndUs = Math.min(this.#arriving.firstKey, drained);
      this.#isChanged = false;
    }
    return this.#nextEndUs;
  }

  /** Starts a transfer; `tag` is the host's name for it, and orders transfers that end in the same microsecond. */
  start(path: number, bytes: number, nowUs: number, tag: number): number {
    // What has started in this moment does not end in it before somebody looks.
    if (nowUs !== this.#clockUs) this.#advance(nowUs);
    this.#isChanged = true;
    const id = this.#newTransfer(path, bytes, tag);
    const links = this.#pathLinks[path]!;
    if (links.length === 0 || bytes === 0) {
      this.#arrive(id, nowUs);
      return id;
    }
    if (this.#becomeIdle(links)) this.#startAlone(id);
    else this.#startBesideOthers(id);
    return id;
  }

  /** Whether nobody is on these links, now that those who are done have left. */
  #becomeIdle(links: readonly number[]): boolean {
    const endedUs = this.#clockUs + TOLERANCE_US;
    let idle = true;
    for (const link of links) {
      const alone = this.#aloneOn[link]!;
      if (alone !== NONE && this.#finishes[alone]! <= endedUs) this.#leaveAlone(alone);
      if (this.#isBusy(link)) idle = false;
    }
    return idle;
  }

  #startAlone(id: number): void {
    const path = this.#paths[id]!;
    const atUs = this.#clockUs;
    for (const link of this.#pathLinks[path]!) {
      this.#aloneOn[link] = id;
      this.#busySinceUs[link] = atUs;
    }
    this.#states[id] = ALONE;
    const drainUs = atUs + this.#bytes[id]! / this.#pathEfficiencies[path]! / this.#pathRates[path]!;
    this.#finishes[id] = drainUs;
    this.#arriving.push(wholeUs(drainUs + this.#pathLatenciesUs[path]!), this.#tags[id]!, id);
  }

  /** Whoever was alone and has sent its last byte has left its links then. */
  #leaveAlone(id: number): void {
    const path = this.#paths[id]!;
    this.#states[id] = DRAINED;
    this.#endAlone(path);
    this.#left(path, this.#bytes[id]!, this.#finishes[id]!);
  }

  /** Whoever had a link of the path to itself shares it from now on. */
  #startBesideOthers(id: number): void {
    const path = this.#paths[id]!;
    const atUs = this.#clockUs;
    for (const link of this.#pathLinks[path]!) {
      const other = this.#aloneOn[link]!;
      if (other !== NONE) {
        const leftBytes = (this.#finishes[other]! - atUs) * this.#pathRates[this.#paths[other]!]!;
        this.#endAlone(this.#paths[other]!);
        this.#stale[other] = 1;
        this.#share(other, leftBytes);
      } else if (this.#shares.flowsOn(link) === 0) {
        this.#busySinceUs[link] = atUs;
      }
    }
    this.#share(id, this.#bytes[id]! / this.#pathEfficiencies[path]!);
  }

  #endAlone(path: number): void {
    for (const link of this.#pathLinks[path]!) this.#aloneOn[link] = NONE;
  }

  /** @param leftBytes what is to be sent yet, the protocol's included */
  #share(id: number, leftBytes: number): void {
    const path = this.#paths[id]!;
    const atUs = this.#clockUs;
    this.#states[id] = UNDER_WAY;
    this.#shares.enter(path, atUs);
    const finish = this.#counters.servedOn(path, atUs) + leftBytes;
    this.#finishes[id] = finish;
    const queue = this.#queues[path]!;
    queue.push(finish, this.#tags[id]!, id);
    if (queue.firstTransfer === id) this.#counters.setHead(path, finish);
  }

  /** A transfer that has ended by now, in order of (time, tag); -1 when there is none. Its id is then free. */
  takeEnded(nowUs: number): number {
    this.#advance(nowUs);
    this.#isChanged = true;
    for (this.#dropStale(); this.#arriving.firstKey <= nowUs; this.#dropStale()) {
      const id = this.#arriving.pop();
      if (this.#states[id] === ALONE) this.#leaveAlone(id);
      this.#free.push(id);
      if (this.#states[id] === CANCELLED) continue;
      this.#active -= 1;
      return id;
    }
    return -1;
  }

  #dropStale(): void {
    const arriving = this.#arriving;
    while (arriving.size > 0 && this.#stale[arriving.firstTransfer] !== 0) {
      const id = arriving.pop();
      if (this.#stale[id] === FREED) this.#free.push(id);
      this.#stale[id] = 0;
    }
  }

  /** The host's name for a transfer: readable after it was taken too, until the next start. */
  tagOf(id: number): number {
    return this.#tags[id]!;
  }

  bytesOf(id: number): number {
    return this.#bytes[id]!;
  }

  /** Bytes that a transfer has not yet sent. */
  remainingBytes(id: number, nowUs: number): number {
    const state = this.#states[id]!;
    if (state !== UNDER_WAY && state !== ALONE) return 0;
    const path = this.#paths[id]!;
    const left =
      state === ALONE
        ? (this.#finishes[id]! - nowUs) * this.#pathRates[path]!
        : this.#finishes[id]! - this.#counters.servedOn(path, nowUs);
    return Math.min(this.#bytes[id]!, Math.max(0, left * this.#pathEfficiencies[path]!));
  }

  /** Gives a transfer up: it will not be taken, and its share is the others' from now on. */
  cancel(id: number, nowUs: number): void {
    this.#advance(nowUs);
    this.#isChanged = true;
    this.#active -= 1;
    const isDone = this.#states[id] === ALONE && this.#finishes[id]! <= this.#clockUs + TOLERANCE_US;
    if (isDone) this.#leaveAlone(id);
    const state = this.#states[id]!;
    const sentBytes = this.#bytes[id]! - this.remainingBytes(id, this.#clockUs);
    this.#states[id] = CANCELLED;
    if (state !== UNDER_WAY && state !== ALONE) return;
    const path = this.#paths[id]!;
    if (state === ALONE) {
      this.#endAlone(path);
    } else {
      this.#showHead(path);
      this.#shares.leave(path, this.#clockUs);
    }
    this.#left(path, sentBytes, this.#clockUs);
  }

  /** Bytes a link has carried for transfers that have left it, the protocol's included. */
  carriedBytes(link: number): number {
    return this.#carriedBytes[link]!;
  }

  /** Time in which a link had a transfer. */
  busyUs(link: number, nowUs: number): number {
    if (!this.#isBusy(link)) return this.#busyUs[link]!;
    const alone = this.#aloneOn[link]!;
    const untilUs = alone === NONE ? nowUs : Math.min(nowUs, this.#finishes[alone]!);
    return this.#busyUs[link]! + Math.max(0, untilUs - this.#busySinceUs[link]!);
  }

  /** Ends what has sent its last byte by now, each at its own fraction of a microsecond. */
  #advance(nowUs: number): void {
    if (nowUs < this.#clockUs - TOLERANCE_US) {
      throw new InvariantError(`links: time ran back from ${this.#clockUs} to ${nowUs}`);
    }
    while (this.#counters.nextUs <= nowUs + TOLERANCE_US) {
      const atUs = Math.max(this.#clockUs, this.#counters.nextUs);
      this.#clockUs = atUs;
      const path = this.#counters.takeNext();
      const id = this.#queues[path]!.pop();
      this.#arrive(id, atUs);
      this.#showHead(path);
      this.#shares.leave(path, atUs);
      this.#left(path, this.#bytes[id]!, atUs);
    }
    if (this.#clockUs < nowUs) this.#clockUs = nowUs;
  }

  #isBusy(link: number): boolean {
    return this.#aloneOn[link] !== NONE || this.#shares.flowsOn(link) > 0;
  }

  #arrive(id: number, atUs: number): void {
    this.#states[id] = DRAINED;
    this.#arriving.push(wholeUs(atUs + this.#pathLatenciesUs[this.#paths[id]!]!), this.#tags[id]!, id);
  }

  /** Tells the counters which transfer of the path is done first. Cancelled ones leave the queue when they come to its head. */
  #showHead(path: number): void {
    const queue = this.#queues[path]!;
    while (queue.size > 0 && this.#states[queue.firstTransfer] === CANCELLED) {
      const id = queue.pop();
      if (this.#stale[id] === 0) this.#free.push(id);
      else this.#stale[id] = FREED;
    }
    this.#counters.setHead(path, queue.firstKey);
  }

  /** Counts what a transfer that is no longer on the path has sent. */
  #left(path: number, sentBytes: number, atUs: number): void {
    const carried = sentBytes / this.#pathEfficiencies[path]!;
    for (const link of this.#pathLinks[path]!) {
      this.#carriedBytes[link]! += carried;
      if (!this.#isBusy(link)) this.#busyUs[link]! += atUs - this.#busySinceUs[link]!;
    }
  }

  #newTransfer(path: number, bytes: number, tag: number): number {
    const id = this.#free.pop() ?? this.#transfers++;
    if (id === this.#paths.length) this.#grow();
    this.#paths[id] = path;
    this.#tags[id] = tag;
    this.#bytes[id] = bytes;
    this.#states[id] = UNDER_WAY;
    this.#active += 1;
    return id;
  }

  #grow(): void {
    const length = this.#paths.length * 2;
    const grown = <T extends Int32Array | Float64Array | Uint8Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#paths = grown(new Int32Array(length), this.#paths);
    this.#tags = grown(new Float64Array(length), this.#tags);
    this.#bytes = grown(new Float64Array(length), this.#bytes);
    this.#finishes = grown(new Float64Array(length), this.#finishes);
    this.#states = grown(new Uint8Array(length), this.#states);
    this.#stale = grown(new Uint8Array(length), this.#stale);
  }
}

/** A transfer has ended in the microsecond in which it is there: rounding down would let an effect precede its cause. */
function wholeUs(timeUs: number): number {
  return Math.ceil(timeUs - TOLERANCE_US);
}
