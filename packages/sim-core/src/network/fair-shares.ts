import type { ServiceCounters } from "./service-counters.ts";

/** Below it, following a link's paths is less work than looking at every link. */
const FEW_PATHS = 32;
const NONE = -1;
const SEVERAL = -2;
/** Rates closer than this are one rate, worked out in another order. */
const SAME_RATE = 1 - 1e-9;

/**
 * Max-min fair shares of links among transfers (progressive filling; Bertsekas and Gallager, Data Networks, §6.5.2): no
 * transfer can have more without one that has less having still less.
 *
 * Links that share no transfer, directly or by others, do not touch each other, so a change is worked out within one
 * such component only. Where one link holds back every transfer of a component, which is the common case, a change
 * costs as much as its path is long.
 */
export class FairShares {
  readonly #counters: ServiceCounters;
  /** Bytes a microsecond. */
  readonly #bandwidths: Float64Array;
  /** Transfers on each link. */
  readonly #flows: Int32Array;
  /** The one link that holds back every transfer of this link's component; NONE where it is idle or there are several. */
  readonly #sole: Int32Array;
  /** Busy paths over each link. */
  readonly #paths: number[][];
  readonly #linksOf: (readonly number[])[] = [];
  /** Transfers on each path. */
  readonly #flowsOf: number[] = [];

  // Of the filling in progress.
  readonly #left: Float64Array;
  readonly #open: Int32Array;
  readonly #fixed: Int32Array;
  readonly #found: Float64Array;
  readonly #foundPath: number[] = [];
  #round = 0;

  constructor(bandwidthsBytesPerUs: Float64Array, counters: ServiceCounters) {
    const links = bandwidthsBytesPerUs.length;
    this.#counters = counters;
    this.#bandwidths = bandwidthsBytesPerUs;
    this.#flows = new Int32Array(links);
    this.#sole = new Int32Array(links).fill(NONE);
    this.#paths = Array.from({ length: links }, () => []);
    this.#left = new Float64Array(links);
    this.#open = new Int32Array(links);
    this.#fixed = new Int32Array(links);
    this.#found = new Float64Array(links);
  }

  addPath(links: readonly number[]): void {
    this.#linksOf.push(links);
    this.#flowsOf.push(0);
    this.#foundPath.push(0);
  }

  /** Transfers on a link. */
  flowsOn(link: number): number {
    return this.#flows[link]!;
  }

  /** One more transfer on the path. */
  enter(path: number, nowUs: number): void {
    const links = this.#linksOf[path]!;
    const busy = this.#soleOfBusy(links);
    const isNew = this.#flowsOf[path]!++ === 0;
    for (const link of links) {
      this.#flows[link]!++;
      if (isNew) this.#paths[link]!.push(path);
    }
    const sole = busy === NONE ? this.#narrowest(links) : busy;
    if (sole === SEVERAL || !links.includes(sole) || this.#isAnyTighter(links, sole)) {
      this.#redistribute(links, this.#leastShare(links), nowUs);
      return;
    }
    for (const link of links) this.#sole[link] = sole;
    this.#counters.assign(path, sole, nowUs);
    this.#counters.setRate(sole, this.#bandwidths[sole]! / this.#flows[sole]!, nowUs);
  }

  /** One transfer less on the path. */
  leave(path: number, nowUs: number): void {
    const links = this.#linksOf[path]!;
    const sole = this.#sole[links[0]!]!;
    const rate = this.#counters.rateOf(path);
    const isLast = --this.#flowsOf[path]! === 0;
    if (isLast) this.#counters.release(path);
    for (const link of links) {
      if (isLast) removeFrom(this.#paths[link]!, path);
      if (--this.#flows[link]! === 0) this.#sole[link] = NONE;
    }
    if (sole === NONE || !this.#staysSole(sole)) this.#redistribute(links, rate, nowUs);
    else if (this.#flows[sole]! > 0) {
      this.#counters.setRate(sole, this.#bandwidths[sole]! / this.#flows[sole]!, nowUs);
    }
  }

  /** What holds back all that shares a link with this path: one link, SEVERAL, or NONE as all its links are idle. */
  #soleOfBusy(links: readonly number[]): number {
    let sole = NONE;
    for (const link of links) {
      if (this.#flows[link] === 0) continue;
      const here = this.#sole[link]!;
      if (here === NONE || (sole !== NONE && here !== sole)) return SEVERAL;
      sole = here;
    }
    return sole;
  }

  #narrowest(links: readonly number[]): number {
    let narrowest = links[0]!;
    for (const link of links) if (this.#bandwidths[link]! < this.#bandwidths[narrowest]!) narrowest = link;
    return narrowest;
  }

  #isAnyTighter(links: readonly number[], sole: number): boolean {
    for (const link of links) if (this.#isTighter(link, sole)) return true;
    return false;
  }

  /** Whether an even share of `link` is less than one of `other`. */
  #isTighter(link: number, other: number): boolean {
    return this.#flows[link]! * this.#bandwidths[other]! > this.#flows[other]! * this.#bandwidths[link]!;
  }

  /**
   * All transfers of the component cross its sole bottleneck, so the links of their paths are all that could become
   * tighter; with many paths it is less work to look at every link once.
   */
  #staysSole(sole: number): boolean {
    const paths = this.#paths[sole]!;
    if (paths.length < FEW_PATHS) {
      for (const path of paths) {
        for (const link of this.#linksOf[path]!) if (this.#isTighter(link, sole)) return false;
      }
      return true;
    }
    for (let link = 0; link < this.#sole.length; link++) {
      if (this.#sole[link] === sole && this.#isTighter(link, sole)) return false;
    }
    return true;
  }

  /** No transfer over these links is held back by one of them to less than this. */
  #leastShare(links: readonly number[]): number {
    let least = Infinity;
    for (const link of links) least = Math.min(least, this.#bandwidths[link]! / this.#flows[link]!);
    return least;
  }

  /**
   * Works out anew the shares of everything that shares links with these, directly or by others.
   *
   * @param rate shares below it stay as they are: filling up to it fills none of these links, before the change or after
   */
  #redistribute(seeds: readonly number[], rate: number, nowUs: number): void {
    this.#round += 1;
    for (const seed of seeds) {
      if (this.#flows[seed] === 0 || this.#found[seed] === this.#round) continue;
      const { links, paths, isWhole } = this.#component(seed, rate * SAME_RATE);
      const bottlenecks = this.#fill([...links], paths, nowUs);
      const sole = isWhole && bottlenecks.length === 1 ? bottlenecks[0]! : NONE;
      for (const link of links) this.#sole[link] = sole;
    }
  }

  /** Links and paths that share with a link; of each link also what shares below `rate` leave, and how many are open. */
  #component(seed: number, rate: number): { links: number[]; paths: number; isWhole: boolean } {
    const links = [seed];
    let paths = 0;
    let isWhole = true;
    this.#found[seed] = this.#round;
    for (let at = 0; at < links.length; at++) {
      const link = links[at]!;
      let left = this.#bandwidths[link]!;
      let open = this.#flows[link]!;
      for (const path of this.#paths[link]!) {
        if (this.#foundPath[path] === this.#round) continue;
        const own = this.#counters.rateOf(path);
        if (own < rate) {
          left -= own * this.#flowsOf[path]!;
          open -= this.#flowsOf[path]!;
          isWhole = false;
          this.#joinSeveral(path);
          continue;
        }
        this.#foundPath[path] = this.#round;
        paths += 1;
        for (const next of this.#linksOf[path]!) {
          if (this.#found[next] === this.#round) continue;
          this.#found[next] = this.#round;
          links.push(next);
        }
      }
      this.#left[link] = left;
      this.#open[link] = open;
    }
    return { links, paths, isWhole };
  }

  /** What shares links with this path is held back by others too, from now on. */
  #joinSeveral(path: number): void {
    const sole = this.#sole[this.#linksOf[path]![0]!]!;
    if (sole === NONE) return;
    for (let link = 0; link < this.#sole.length; link++) if (this.#sole[link] === sole) this.#sole[link] = NONE;
  }

  /** Raises all shares alike until a link is full, fixes those over it, and goes on with the others. */
  #fill(links: number[], paths: number, nowUs: number): number[] {
    const bottlenecks: number[] = [];
    const rates: number[] = [];
    const heldBy: number[] = [];
    const held: number[] = [];
    const touched: number[] = [];
    while (held.length < paths) {
      const full = this.#nextFull(links);
      const rate = this.#left[full]! / this.#open[full]!;
      this.#fixOver(full, held, touched);
      while (heldBy.length < held.length) heldBy.push(full);
      bottlenecks.push(full);
      rates.push(rate);
      // By counts and once a link: the order of the paths leaves no trace in the sums.
      for (const link of touched) {
        this.#left[link] = Math.max(0, this.#left[link]! - rate * this.#fixed[link]!);
        this.#fixed[link] = 0;
      }
      touched.length = 0;
    }
    for (let i = 0; i < held.length; i++) this.#counters.assign(held[i]!, heldBy[i]!, nowUs);
    for (let i = 0; i < rates.length; i++) this.#counters.setRate(bottlenecks[i]!, rates[i]!, nowUs);
    return bottlenecks;
  }

  /** The link with the least left for each transfer whose share is open, the lower one of equals; drops links without. */
  #nextFull(links: number[]): number {
    let full = NONE;
    let kept = 0;
    for (let at = 0; at < links.length; at++) {
      const link = links[at]!;
      if (this.#open[link] === 0) continue;
      links[kept++] = link;
      if (full === NONE) {
        full = link;
        continue;
      }
      const mine = this.#left[link]! * this.#open[full]!;
      const least = this.#left[full]! * this.#open[link]!;
      if (mine < least || (mine === least && link < full)) full = link;
    }
    links.length = kept;
    return full;
  }

  /** Fixes the open paths over a link: appends them, and counts their transfers on each link. */
  #fixOver(full: number, held: number[], touched: number[]): void {
    for (const path of this.#paths[full]!) {
      if (this.#foundPath[path] !== this.#round) continue;
      this.#foundPath[path] = -this.#round;
      held.push(path);
      const flows = this.#flowsOf[path]!;
      for (const link of this.#linksOf[path]!) {
        if (this.#fixed[link] === 0) touched.push(link);
        this.#open[link]! -= flows;
        this.#fixed[link]! += flows;
      }
    }
  }
}

function removeFrom(list: number[], value: number): void {
  const last = list.pop()!;
  if (last !== value) list[list.indexOf(value)] = last;
}
