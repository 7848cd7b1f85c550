import type { BlockKeys } from "@windtunnel/router-policies";

/** Arrays kept beyond one request. */
const KEPT = 16;
const KEPT_BLOCKS = 1 << 17;

/** Arrays for block keys, used over and over: each of a request's keys has its own until another request asks. */
export class KeyScratch {
  readonly #keys: BlockKeys[] = [];
  #owner: object | undefined;
  #used = 0;

  /** Arrays for that many keys of the owner's, `length` still to be set. */
  take(owner: object, blocks: number): BlockKeys {
    if (this.#owner !== owner) this.#reset(owner);
    let keys = this.#keys[this.#used];
    if (keys === undefined || keys.hi.length < blocks) {
      const room = Math.max(256, 2 ** Math.ceil(Math.log2(Math.max(1, blocks))));
      keys = { length: 0, hi: new Int32Array(room), lo: new Int32Array(room) };
      this.#keys[this.#used] = keys;
    }
    this.#used++;
    return keys;
  }

  /** Whether the owner is who asked last. */
  isOf(owner: object): boolean {
    return this.#owner === owner;
  }

  #reset(owner: object): void {
    this.#owner = owner;
    this.#used = 0;
    if (this.#keys.length > KEPT) this.#keys.length = KEPT;
    for (let i = 0; i < this.#keys.length; i++) {
      if (this.#keys[i]!.hi.length > KEPT_BLOCKS)
        this.#keys[i] = { length: 0, hi: new Int32Array(0), lo: new Int32Array(0) };
    }
  }
}
