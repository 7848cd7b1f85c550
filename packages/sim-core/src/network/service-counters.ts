import { EventTree } from "../kernel/event-tree.ts";
import { KeyedHeap } from "./keyed-heap.ts";

/**
 * How many bytes each transfer has had, without touching each transfer.
 *
 * Transfers that the same link holds back have the same rate, so one counter per link says what each of them has been
 * served (the virtual time of generalised processor sharing; Parekh and Gallager 1993, fluid and with equal weights). A
 * path keeps its distance to the counter of the link that holds it back, and changes that distance, not its transfers,
 * when another link does. A counter moves only where a rate changes: who looks in between changes nothing.
 */
export class ServiceCounters {
  readonly #served: Float64Array;
  readonly #anchorsUs: Float64Array;
  readonly #rates: Float64Array;
  /** Of each link, the paths that it holds back, by what its counter says when their first transfer has had its bytes. */
  readonly #held: readonly KeyedHeap[];
  readonly #places: number[] = [];
  /** Paths that each link holds back, with or without a head. */
  readonly #holds: Int32Array;
  readonly #bottlenecks: number[] = [];
  readonly #offsets: number[] = [];
  readonly #heads: number[] = [];
  readonly #next: EventTree;
  /** Links whose next end is to be worked out anew when somebody asks: changes of one moment cost one look. */
  readonly #changed: number[] = [];
  readonly #isChanged: Uint8Array;

  constructor(links: number) {
    this.#served = new Float64Array(links);
    this.#anchorsUs = new Float64Array(links);
    this.#rates = new Float64Array(links);
    this.#holds = new Int32Array(links);
    this.#held = Array.from({ length: links }, () => new KeyedHeap(this.#places));
    this.#next = new EventTree(links);
    this.#isChanged = new Uint8Array(links);
  }

  addPath(): void {
    this.#places.push(-1);
    this.#bottlenecks.push(-1);
    this.#offsets.push(0);
    this.#heads.push(Infinity);
  }

  /** When the next transfer has had its bytes; Infinity when none is under way. */
  get nextUs(): number {
    if (this.#changed.length > 0) this.#bringUpToDate();
    return this.#next.firstKey;
  }

  #bringUpToDate(): void {
    const changed = this.#changed;
    for (let at = 0; at < changed.length; at++) {
      const link = changed[at]!;
      this.#isChanged[link] = 0;
      const { size, firstKey } = this.#held[link]!;
      const left = Math.max(0, firstKey - this.#served[link]!);
      this.#next.set(link, size === 0 ? Infinity : this.#anchorsUs[link]! + left / this.#rates[link]!);
    }
    changed.length = 0;
  }

  /** Bytes a microsecond of each transfer on the path; Infinity for an idle path, which nothing holds back. */
  rateOf(path: number): number {
    const link = this.#bottlenecks[path]!;
    return link < 0 ? Infinity : this.#rates[link]!;
  }

  /** Bytes that a transfer on this path would have had, since the path was last idle. */
  servedOn(path: number, nowUs: number): number {
    return this.#servedAt(this.#bottlenecks[path]!, nowUs) + this.#offsets[path]!;
  }

  /** Says at which count of `servedOn` the first transfer of the path has had its bytes; Infinity for none. */
  setHead(path: number, head: number): void {
    this.#heads[path] = head;
    const link = this.#bottlenecks[path]!;
    if (link < 0) return;
    this.#hold(path, link);
    this.#expect(link);
  }

  /** Lets a link hold a path back. The rates of both links are to be set next, at the same time. */
  assign(path: number, link: number, nowUs: number): void {
    const before = this.#bottlenecks[path]!;
    if (before === link) return;
    const served = before < 0 ? 0 : this.servedOn(path, nowUs);
    if (before >= 0) this.#drop(path, before);
    this.#holds[link]!++;
    this.#bottlenecks[path] = link;
    this.#offsets[path] = served - this.#servedAt(link, nowUs);
    this.#hold(path, link);
  }

  /** Makes a path idle. */
  release(path: number): void {
    const link = this.#bottlenecks[path]!;
    this.#heads[path] = Infinity;
    this.#bottlenecks[path] = -1;
    this.#offsets[path] = 0;
    this.#drop(path, link);
  }

  /** From now on each transfer that the link holds back gets this many bytes a microsecond. */
  setRate(link: number, bytesPerUs: number, nowUs: number): void {
    this.#served[link] = this.#servedAt(link, nowUs);
    this.#anchorsUs[link] = nowUs;
    this.#rates[link] = bytesPerUs;
    this.#expect(link);
  }

  /** Moves the counter of the next link, that of `nextUs`, to the end of its next transfer, and gives the path of that. */
  takeNext(): number {
    const link = this.#next.first;
    const held = this.#held[link]!;
    this.#anchorsUs[link] = this.#next.firstKey;
    this.#served[link] = held.firstKey;
    return held.firstId;
  }

  #servedAt(link: number, nowUs: number): number {
    return this.#served[link]! + Math.max(0, nowUs - this.#anchorsUs[link]!) * this.#rates[link]!;
  }

  #hold(path: number, link: number): void {
    const head = this.#heads[path]!;
    if (head === Infinity) this.#held[link]!.remove(path);
    else this.#held[link]!.set(path, head - this.#offsets[path]!);
  }

  #drop(path: number, link: number): void {
    this.#held[link]!.remove(path);
    if (--this.#holds[link]! > 0) return;
    // Starts again at 0, so that sums stay small and fractions fine however long a run is.
    this.#served[link] = 0;
    this.#rates[link] = 0;
    this.#next.set(link, Infinity);
  }

  #expect(link: number): void {
    if (this.#isChanged[link] === 1) return;
    this.#isChanged[link] = 1;
    this.#changed.push(link);
  }
}
