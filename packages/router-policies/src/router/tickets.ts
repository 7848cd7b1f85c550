import { PolicyError } from "../errors.ts";

const LIVE = -2;
const NONE = -1;

/** Small integers for requests in flight, reused when their request has ended. */
export class Tickets {
  /** The next free ticket of a free one; LIVE of one in use. */
  #next = new Int32Array(64);
  #free = NONE;
  #used = 0;

  take(): number {
    const ticket = this.#free;
    if (ticket !== NONE) {
      this.#free = this.#next[ticket]!;
      this.#next[ticket] = LIVE;
      return ticket;
    }
    if (this.#used === this.#next.length) {
      const grown = new Int32Array(this.#used * 2);
      grown.set(this.#next);
      this.#next = grown;
    }
    this.#next[this.#used] = LIVE;
    return this.#used++;
  }

  isLive(ticket: number): boolean {
    return ticket >= 0 && ticket < this.#used && this.#next[ticket] === LIVE;
  }

  /** @throws PolicyError for a ticket that is not in use */
  release(ticket: number): void {
    if (!this.isLive(ticket)) throw new PolicyError(`ticket ${ticket} is not in flight`);
    this.#next[ticket] = this.#free;
    this.#free = ticket;
  }
}
