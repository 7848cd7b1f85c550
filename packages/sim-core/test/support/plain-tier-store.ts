/**
 * The reference for `TierStore`: one object per block in a list from the least to the most recently used.
 */
export class PlainTierStore {
  readonly capacityBlocks: number;
  readonly events: string[] = [];
  #blocks: { key: string; writer: number; pins: number }[] = [];

  constructor(capacityBlocks: number) {
    this.capacityBlocks = capacityBlocks;
  }

  get usedBlocks(): number {
    return this.#blocks.length;
  }

  get busyBlocks(): number {
    return this.#blocks.filter(({ pins, writer }) => pins > 0 || writer >= 0).length;
  }

  get keys(): string[] {
    return this.#blocks.map(({ key }) => key).sort();
  }

  #find(segment: number, block: number) {
    return this.#blocks.find(({ key }) => key === `${segment}:${block}`);
  }

  readyTo(segment: number, from: number, to: number): number {
    let at = from;
    while (at < to && this.#find(segment, at)?.writer === -1) at++;
    return at;
  }

  missing(segment: number, from: number, to: number): number[] {
    return range(from, to).filter((block) => this.#find(segment, block) === undefined);
  }

  makeRoom(blocks: number): void {
    while (this.#blocks.length + blocks > this.capacityBlocks) {
      const at = this.#blocks.findIndex(({ pins, writer }) => pins === 0 && writer < 0);
      this.events.push(`-${this.#blocks.splice(at, 1)[0]!.key}`);
    }
  }

  add(segment: number, from: number, to: number, writer: number): void {
    for (const block of range(from, to).reverse()) this.#blocks.push({ key: `${segment}:${block}`, writer, pins: 0 });
  }

  written(segment: number, from: number, to: number, writer: number): void {
    for (const block of range(from, to)) {
      const found = this.#find(segment, block);
      if (found?.writer !== writer) continue;
      found.writer = -1;
      this.events.push(`+${found.key}`);
    }
  }

  pin(segment: number, from: number, to: number, by: number): void {
    for (const block of range(from, to)) this.#find(segment, block)!.pins += by;
  }

  touch(segment: number, from: number, to: number): void {
    for (const block of range(from, to).reverse()) {
      const found = this.#find(segment, block);
      if (found === undefined) continue;
      this.#blocks.splice(this.#blocks.indexOf(found), 1);
      this.#blocks.push(found);
    }
  }
}

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at);
