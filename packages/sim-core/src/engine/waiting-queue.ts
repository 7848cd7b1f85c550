import { RequestList, RequestState, type RequestsInFlight } from "./requests-in-flight.ts";

const NONE = -1;

/**
 * Requests that wait, in the order in which they are asked: those whose blocks have been loaded, in the order of their
 * loads; then all others, by arrival or by priority. Those being loaded are counted, and on no list.
 */
export class WaitingQueue {
  readonly #requests: RequestsInFlight;
  readonly #list: RequestList;
  readonly #fcfs: boolean;
  /** Requests whose blocks are being filled from elsewhere. */
  loading = 0;
  /** The last of the loaded requests, or NONE. */
  #loadedTail: number = NONE;

  constructor(requests: RequestsInFlight, fcfs: boolean) {
    this.#requests = requests;
    this.#list = new RequestList(requests);
    this.#fcfs = fcfs;
  }

  get first(): number {
    return this.#list.first;
  }

  get length(): number {
    return this.#list.length;
  }

  /** Puts a request that came, or under priority was preempted, where it belongs; true when it is the new head. */
  add(slot: number): boolean {
    const list = this.#list;
    if (this.#fcfs) {
      list.append(slot);
      return list.length === 1;
    }
    const { priority, previous } = this.#requests;
    let at = list.last;
    let after: number = NONE;
    while (
      at !== this.#loadedTail &&
      (priority[at]! > priority[slot]! || (priority[at] === priority[slot] && this.#requests.isLater(at, slot)))
    ) {
      after = at;
      at = previous[at]!;
    }
    if (after === NONE) list.append(slot);
    else list.insertBefore(after, slot);
    return list.first === slot;
  }

  /** @param passedOver who of those that wait stands before all that the scheduler has not come to; null: nobody */
  addPreempted(slot: number, passedOver: { wasSkipped(slot: number): boolean } | null): void {
    if (!this.#fcfs) this.add(slot);
    else if (passedOver === null) this.#addAfterLoaded(slot);
    else {
      const { state, next } = this.#requests;
      let after: number = NONE;
      let at = this.#list.first;
      while (at !== NONE && (state[at] === RequestState.loaded || passedOver.wasSkipped(at))) {
        after = at;
        at = next[at]!;
      }
      if (after === NONE) this.#list.prepend(slot);
      else this.#list.insertAfter(after, slot);
    }
  }

  /** Behind all that came before its `readyUs`, which is now. */
  addRetracted(slot: number): void {
    if (!this.#fcfs) {
      this.add(slot);
      return;
    }
    const { readyUs, previous } = this.#requests;
    let at = this.#list.last;
    while (at !== this.#loadedTail && readyUs[at]! > readyUs[slot]!) at = previous[at]!;
    if (at === NONE) this.#list.prepend(slot);
    else this.#list.insertAfter(at, slot);
  }

  /** The request leaves the list, as its blocks are being loaded from now on. */
  startLoading(slot: number): void {
    this.#list.remove(slot);
    this.#requests.state[slot] = RequestState.loading;
    this.loading++;
  }

  addLoaded(slot: number): void {
    this.#requests.state[slot] = RequestState.loaded;
    this.#addAfterLoaded(slot);
    this.#loadedTail = slot;
    this.loading--;
  }

  #addAfterLoaded(slot: number): void {
    if (this.#loadedTail === NONE) this.#list.prepend(slot);
    else this.#list.insertAfter(this.#loadedTail, slot);
  }

  remove(slot: number): void {
    if (this.#loadedTail === slot) this.#loadedTail = this.#requests.previous[slot]!;
    this.#list.remove(slot);
  }

  /** Requests that the scheduler could see at a time, those being loaded included. */
  seenAt(timeUs: number): number {
    const list = this.#list;
    if (list.length === 0) return this.loading;
    const { readyUs, previous } = this.#requests;
    let count = list.length + this.loading;
    if (this.#fcfs) {
      for (let slot = list.last; slot !== NONE && readyUs[slot]! > timeUs; slot = previous[slot]!) count--;
      return count;
    }
    for (let slot = list.last; slot !== NONE; slot = previous[slot]!) if (readyUs[slot]! > timeUs) count--;
    return count;
  }
}
