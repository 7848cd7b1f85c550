import { PolicyError } from "../errors.ts";
import { hostOf, portOf, textBeforeLastColon } from "../framework/address.ts";
import { type Endpoint, type EndpointFacts, type EndpointMetrics, NEVER_SCRAPED_US } from "../framework/endpoint.ts";

/** An endpoint as its host holds it: the host writes the metrics, policies only read them. */
export interface HostEndpoint extends Endpoint {
  readonly metrics: EndpointMetrics;
}

/** The endpoints of a router, in order of addition: that is the order of candidates. */
export class EndpointPool {
  readonly #list: HostEndpoint[] = [];
  readonly #freeSlots: number[] = [];
  readonly #strict: boolean;
  #slots = 0;

  /** @param strict honours ports in subset hints, where upstream compares the text before the last `:` only */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** Live: changes with every addition and removal. */
  get list(): readonly HostEndpoint[] {
    return this.#list;
  }

  add(facts: EndpointFacts): HostEndpoint {
    const endpoint: HostEndpoint = {
      name: facts.name,
      namespace: facts.namespace,
      address: facts.address,
      labels: facts.labels,
      slot: this.#freeSlots.pop() ?? this.#slots++,
      metrics: {
        waitingQueueSize: 0,
        runningRequestsSize: 0,
        kvCacheUsageFraction: 0,
        cacheBlockSizeTokens: 0,
        cacheNumBlocks: 0,
        lora: undefined,
        updatedAtUs: NEVER_SCRAPED_US,
      },
    };
    this.#list.push(endpoint);
    return endpoint;
  }

  remove(endpoint: Endpoint): void {
    const index = this.#list.indexOf(endpoint as HostEndpoint);
    if (index < 0) throw new PolicyError(`endpoint ${endpoint.name} is not in the pool`);
    this.#list.splice(index, 1);
    this.#freeSlots.push(endpoint.slot);
  }

  /** The endpoints that a subset hint allows; an empty hint allows none. */
  subset(hint: readonly string[]): readonly HostEndpoint[] {
    if (!this.#strict) {
      const hosts = new Set(hint.map(textBeforeLastColon));
      return this.#list.filter(({ address }) => hosts.has(textBeforeLastColon(address)));
    }
    const hosts = new Set<string>();
    const addresses = new Set<string>();
    for (const item of hint) {
      const port = portOf(item);
      if (port === undefined) hosts.add(hostOf(item));
      else addresses.add(`${hostOf(item)}:${port}`);
    }
    return this.#list.filter(({ address }) => {
      const host = hostOf(address);
      return hosts.has(host) || addresses.has(`${host}:${portOf(address)}`);
    });
  }
}
