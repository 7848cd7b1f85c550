import { setTimeout as sleep } from "node:timers/promises";
import type { FakeVllm } from "../../src/demo/fake-vllm.ts";
import type { Loopback } from "../support/loopback.ts";

/** From the moment that the file is replaced until every Endpoint Picker must have read it, and what it sent has arrived. */
const NOTICE_MS = 1500;

/** Takes endpoints out of the file and puts them back, and counts what reaches those that are out. */
export class EndpointChurn {
  steps = 0;
  readonly #loopback: Loopback;
  readonly #out: { readonly fake: FakeVllm; readonly requestsWhenGone: number }[] = [];
  #strays = 0;
  #next = 0;

  constructor(loopback: Loopback) {
    this.#loopback = loopback;
  }

  /** One endpoint goes; the one that went longest ago returns when three are out. */
  async step(): Promise<void> {
    this.steps++;
    const { fakes } = this.#loopback;
    const returning = this.#out.length >= 3 ? this.#out.shift() : undefined;
    if (returning !== undefined) this.#strays += returning.fake.requests - returning.requestsWhenGone;
    const leaving = fakes[this.#next++ % fakes.length]!;
    const out = new Set([...this.#out.map(({ fake }) => fake), leaving]);
    await this.#loopback.announce(fakes.filter((fake) => !out.has(fake)));
    await sleep(NOTICE_MS);
    this.#out.push({ fake: leaving, requestsWhenGone: leaving.requests });
  }

  /** Requests that reached an endpoint well after it was gone. */
  strays(): number {
    return this.#out.reduce((sum, { fake, requestsWhenGone }) => sum + fake.requests - requestsWhenGone, this.#strays);
  }
}
