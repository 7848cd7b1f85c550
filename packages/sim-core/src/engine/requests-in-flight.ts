/**
 * Where a request in flight stands. `loading`: on no list, its blocks taken and being filled from elsewhere; `loaded`:
 * waiting again, with them; `held`: ended, its blocks still to be read; `preempted`: waiting again, without any.
 */
export const RequestState = {
  waiting: 0,
  prefill: 1,
  decode: 2,
  loading: 3,
  loaded: 4,
  held: 5,
  preempted: 6,
} as const;

const NONE = -1;

/**
 * Requests that are in an engine, as columns by slot; slots are reused, so the columns stay small and in cache however
 * many requests a run has. Field by field what vLLM's `Request` carries, plus links for the lists a request is on.
 */
export class RequestsInFlight {
  // `allocate` sets what an engine reads before it writes; an ended request leaves the columns with a default at it.
  /** Row of the workload. */
  row = new Int32Array(64);
  promptTokens = new Int32Array(64);
  /** Tokens to generate. */
  outputTokens = new Int32Array(64);
  /** Tokens to compute before the next one is sampled: the prompt, and after a preemption what was generated too. */
  numTokens = new Int32Array(64);
  /** While prefilling: tokens computed. While decoding: tokens computed less the replica's decode-step count. */
  computedTokens = new Int32Array(64);
  /** Tokens generated when it last (re)started its prefill. */
  generatedTokens = new Int32Array(64);
  /** Value of the replica's decode-step count at which its last token comes. */
  finishStep = new Int32Array(64);
  state = new Uint8Array(64);
  /** Order of admission, for the order of the running list. */
  sequence = new Int32Array(64);
  /** Lower runs first under priority scheduling, as in vLLM. */
  priority = new Int32Array(64);
  /** When the scheduler can first see it. */
  readyUs = new Float64Array(64);
  /** When its last token came, if that was not at the end of the step before; NaN otherwise. */
  lastTokenUs = new Float64Array(64).fill(NaN);
  /** Blocks it holds that no other request can find. */
  privateBlocks = new Int32Array(64);
  /** Deepest cache node of its prompt, or -1. */
  leaf = new Int32Array(64).fill(NONE);
  /** Segment that it is growing while it decodes, or -1. */
  growing = new Int32Array(64).fill(NONE);
  /** Step in which it was last given work. */
  scheduledStep = new Float64Array(64);
  previous = new Int32Array(64);
  next = new Int32Array(64);
  /** The router's ticket. */
  ticket = new Int32Array(64);
  #free: number = NONE;
  #used = 0;

  allocate(row: number, promptTokens: number, outputTokens: number): number {
    let slot = this.#free;
    if (slot !== NONE) {
      this.#free = this.next[slot]!;
    } else {
      if (this.#used === this.row.length) this.#grow();
      slot = this.#used++;
    }
    this.row[slot] = row;
    this.promptTokens[slot] = promptTokens;
    this.outputTokens[slot] = outputTokens;
    this.numTokens[slot] = promptTokens;
    this.generatedTokens[slot] = 0;
    this.state[slot] = RequestState.waiting;
    this.scheduledStep[slot] = NONE;
    return slot;
  }

  release(slot: number): void {
    this.next[slot] = this.#free;
    this.#free = slot;
  }

  /** Order of arrival: by time, then by row. */
  isLater(a: number, b: number): boolean {
    const { readyUs, row } = this;
    return readyUs[a]! > readyUs[b]! || (readyUs[a] === readyUs[b] && row[a]! > row[b]!);
  }

  #grow(): void {
    const size = this.row.length * 2;
    this.row = grown(this.row, new Int32Array(size));
    this.promptTokens = grown(this.promptTokens, new Int32Array(size));
    this.outputTokens = grown(this.outputTokens, new Int32Array(size));
    this.numTokens = grown(this.numTokens, new Int32Array(size));
    this.computedTokens = grown(this.computedTokens, new Int32Array(size));
    this.generatedTokens = grown(this.generatedTokens, new Int32Array(size));
    this.finishStep = grown(this.finishStep, new Int32Array(size));
    this.state = grown(this.state, new Uint8Array(size));
    this.sequence = grown(this.sequence, new Int32Array(size));
    this.priority = grown(this.priority, new Int32Array(size));
    this.readyUs = grown(this.readyUs, new Float64Array(size));
    this.lastTokenUs = grown(this.lastTokenUs, new Float64Array(size).fill(NaN));
    this.privateBlocks = grown(this.privateBlocks, new Int32Array(size));
    this.leaf = grown(this.leaf, new Int32Array(size).fill(NONE));
    this.growing = grown(this.growing, new Int32Array(size).fill(NONE));
    this.scheduledStep = grown(this.scheduledStep, new Float64Array(size));
    this.previous = grown(this.previous, new Int32Array(size));
    this.next = grown(this.next, new Int32Array(size));
    this.ticket = grown(this.ticket, new Int32Array(size));
  }
}

function grown<A extends { set(from: A): void }>(from: A, to: A): A {
  to.set(from);
  return to;
}

/** Doubly linked list of slots in `RequestsInFlight`; a request is on one list at a time. */
export class RequestList {
  first: number = NONE;
  last: number = NONE;
  length = 0;
  readonly #requests: RequestsInFlight;

  constructor(requests: RequestsInFlight) {
    this.#requests = requests;
  }

  append(slot: number): void {
    const { previous, next } = this.#requests;
    previous[slot] = this.last;
    next[slot] = NONE;
    if (this.last === NONE) this.first = slot;
    else next[this.last] = slot;
    this.last = slot;
    this.length++;
  }

  prepend(slot: number): void {
    const { previous, next } = this.#requests;
    previous[slot] = NONE;
    next[slot] = this.first;
    if (this.first === NONE) this.last = slot;
    else previous[this.first] = slot;
    this.first = slot;
    this.length++;
  }

  /** Inserts `slot` before `at`. */
  insertBefore(at: number, slot: number): void {
    const { previous, next } = this.#requests;
    const before = previous[at]!;
    if (before === NONE) {
      this.prepend(slot);
      return;
    }
    next[before] = slot;
    previous[slot] = before;
    next[slot] = at;
    previous[at] = slot;
    this.length++;
  }

  /** Inserts `slot` after `at`. */
  insertAfter(at: number, slot: number): void {
    const after = this.#requests.next[at]!;
    if (after === NONE) this.append(slot);
    else this.insertBefore(after, slot);
  }

  remove(slot: number): void {
    const { previous, next } = this.#requests;
    const before = previous[slot]!;
    const after = next[slot]!;
    if (before === NONE) this.first = after;
    else next[before] = after;
    if (after === NONE) this.last = before;
    else previous[after] = before;
    this.length--;
  }
}
