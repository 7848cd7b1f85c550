import { type Link, Links } from "./links.ts";

/** What a link carried in a run. */
export interface LinkSummary {
  readonly name: string;
  readonly bytesPerSecond: number;
  readonly carriedBytes: number;
  /** Time in which it had a transfer. */
  readonly busyUs: number;
}

/** The links as one of their users has them: its transfers bear its own tags. */
export interface LinkUser {
  readonly links: Links;
  start(path: number, bytes: number, nowUs: number, tag: number): void;
}

/**
 * The links of a fleet and all that send over them, so that whatever is on a wire at one time shares it. Transfers that
 * end in the same microsecond go by their users, in the order in which those joined, and then by their tags.
 */
export class SharedLinks {
  readonly links: Links;
  /** By user: where its tags begin among those of the links, and who hears of its ends. */
  readonly #firstTags: number[] = [];
  readonly #ended: ((tag: number) => void)[] = [];
  #tags = 0;

  constructor(links: readonly Link[]) {
    this.links = new Links(links);
  }

  /**
   * One more user.
   *
   * @param tags it uses tags from 0 to below that; without a bound for the last to join only
   */
  join(tags: number, ended: (tag: number) => void): LinkUser {
    const { links } = this;
    const firstTag = this.#tags;
    this.#tags += tags;
    this.#firstTags.push(firstTag);
    this.#ended.push(ended);
    return {
      links,
      start: (path, bytes, nowUs, tag) => {
        links.start(path, bytes, nowUs, firstTag + tag);
      },
    };
  }

  /** No transfer ends before; Infinity when none is under way. */
  get nextEndUs(): number {
    return this.links.nextEndUs;
  }

  /** Tells the users of the transfers that have ended by now. */
  run(nowUs: number): void {
    const { links } = this;
    for (let id = links.takeEnded(nowUs); id >= 0; id = links.takeEnded(nowUs)) {
      const tag = links.tagOf(id);
      let user = this.#firstTags.length - 1;
      while (tag < this.#firstTags[user]!) user--;
      this.#ended[user]!(tag - this.#firstTags[user]!);
    }
  }

  /** The links that have carried something. */
  summaries(nowUs: number): LinkSummary[] {
    return this.links.links.flatMap(({ name, bytesPerSecond }, link) => {
      const carriedBytes = this.links.carriedBytes(link);
      return carriedBytes === 0 ? [] : [{ name, bytesPerSecond, carriedBytes, busyUs: this.links.busyUs(link, nowUs) }];
    });
  }
}
