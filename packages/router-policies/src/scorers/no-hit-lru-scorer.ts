import * as z from "zod";
import type { PrefixMatchData } from "../framework/data.ts";
import type { ProfileResult } from "../framework/decision.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineScorer, type Hooks, type Scorer } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { APPROX_PREFIX_CACHE_PRODUCER } from "../producers/approx-prefix-cache-producer.ts";
import { RecencyList } from "../producers/recency-list.ts";
import { PREFILL_PROFILE } from "../producers/targets.ts";

const DEFAULT_LRU_SIZE = 1024;

const parameters = z.strictObject({
  lruSize: z.int().default(DEFAULT_LRU_SIZE).describe("endpoints remembered; 0 or less: the default"),
  prefixMatchInfoProducerName: z.string().optional().describe(`default ${APPROX_PREFIX_CACHE_PRODUCER}`),
  prefixPluginType: z.unknown().optional().describe("ignored"),
  prefixPluginName: z.unknown().optional().describe("ignored"),
});

/** Spreads cold requests over the endpoints that got a cold one longest ago (llm-d-router, `scorer/nohitlru`). */
export const noHitLruScorer = defineScorer<z.output<typeof parameters>>({
  type: "no-hit-lru-scorer",
  summary: "Sends requests that no endpoint has cached where such a request went longest ago",
  parameters,
  orderDependent: true,
  requires: (given) => [
    { kind: "prefix-match", producer: given.prefixMatchInfoProducerName || APPROX_PREFIX_CACHE_PRODUCER },
  ],
  create(given, context) {
    const match = context.data("prefix-match", given.prefixMatchInfoProducerName || APPROX_PREFIX_CACHE_PRODUCER);
    return new NoHitLruScorer(match, given.lruSize > 0 ? given.lruSize : DEFAULT_LRU_SIZE);
  },
});

/**
 * Members are kept by name and outlive their endpoints, as upstream's do: one that is gone still takes a place in the
 * order.
 */
class NoHitLruScorer implements Scorer, Hooks {
  readonly #match: PrefixMatchData;
  readonly #lruSize: number;
  readonly #used = new RecencyList();
  /** Members' ids by endpoint name, and back. */
  readonly #members = new Map<string, number>();
  readonly #names: string[] = [];
  /** Each slot's endpoint as last seen, and its member id, -1 for none: spares hot look-ups by name. */
  #slotEndpoint: (Endpoint | undefined)[] = [];
  #slotMember: number[] = [];
  /** Position from the oldest, by member id; of the score call under way. */
  #position = new Int32Array(64);
  /** The request that was last scored, while it was cold. */
  #cold: InferenceRequest | undefined;

  constructor(match: PrefixMatchData, lruSize: number) {
    this.#match = match;
    this.#lruSize = lruSize;
  }

  score(request: InferenceRequest, endpoints: readonly Endpoint[], scores: Float64Array): void {
    const count = endpoints.length;
    if (this.#anyHit(endpoints)) {
      this.#cold = undefined;
      for (let i = 0; i < count; i++) scores[i] = 0.5;
      return;
    }
    // What the last profile that scored saw decides whether the choice is remembered.
    this.#cold = request;
    if (count === 1) {
      scores[0] = 1;
      return;
    }
    this.#rank();
    let neverUsed = 0;
    for (let i = 0; i < count; i++) {
      if (this.#member(endpoints[i]!) < 0) scores[i] = 1 - neverUsed++ / (count - 1);
    }
    for (let i = 0; i < count; i++) {
      const member = this.#member(endpoints[i]!);
      if (member >= 0) scores[i] = Math.max(0, 1 - (neverUsed + this.#position[member]!) / (count - 1));
    }
  }

  facts(endpoint: Endpoint): string {
    if (this.#cold === undefined) return "an endpoint has a cached prefix";
    const member = this.#member(endpoint);
    if (member < 0) return "cold request; never got one";
    this.#rank();
    return `cold request; ${this.#position[member]! + 1} of ${this.#used.size} by last cold request, oldest first`;
  }

  preRequest(
    request: InferenceRequest,
    _ticket: number,
    primary: ProfileResult,
    profiles: readonly ProfileResult[],
  ): void {
    if (this.#cold !== request) return;
    this.#use(primary.targets[0]);
    for (let i = 0; i < profiles.length; i++) {
      if (profiles[i]!.profile === PREFILL_PROFILE) this.#use(profiles[i]!.targets[0]);
    }
  }

  #anyHit(endpoints: readonly Endpoint[]): boolean {
    const { available, matchBlocks } = this.#match;
    if (!available) return false;
    for (let i = 0; i < endpoints.length; i++) {
      if ((matchBlocks[endpoints[i]!.slot] ?? 0) > 0) return true;
    }
    return false;
  }

  #member(endpoint: Endpoint): number {
    const slot = endpoint.slot;
    if (this.#slotEndpoint[slot] !== endpoint) {
      this.#slotEndpoint[slot] = endpoint;
      this.#slotMember[slot] = this.#members.get(nameOf(endpoint)) ?? -1;
    }
    return this.#slotMember[slot]!;
  }

  #rank(): void {
    let position = 0;
    for (let member = this.#used.oldest; member >= 0; member = this.#used.newerThan(member)) {
      this.#position[member] = position++;
    }
  }

  #use(endpoint: Endpoint | undefined): void {
    if (endpoint === undefined) return;
    let member = this.#member(endpoint);
    if (member < 0) {
      if (this.#used.size < this.#lruSize) member = this.#used.size;
      else {
        member = this.#used.oldest;
        this.#members.delete(this.#names[member]!);
        this.#slotEndpoint.length = 0;
      }
      this.#names[member] = nameOf(endpoint);
      this.#members.set(this.#names[member]!, member);
      this.#slotEndpoint[endpoint.slot] = endpoint;
      this.#slotMember[endpoint.slot] = member;
      if (member >= this.#position.length) this.#position = new Int32Array(2 * member);
    }
    this.#used.touch(member);
  }
}

const nameOf = (endpoint: Endpoint): string => `${endpoint.namespace}/${endpoint.name}`;
