import type { LiveRouter } from "../host/live-router.ts";
import type { MetricFamily } from "./metric-family.ts";
import type { SimpleValue } from "./metric-values.ts";

/** Combinations of model and outcome that are told apart for one endpoint. */
const MAX_PER_ENDPOINT = 100;

/** Counts decisions by outcome, target model and endpoint, of the endpoints that there are. */
export class AttemptCounts {
  readonly #family: MetricFamily<SimpleValue>;
  readonly #live: LiveRouter;
  readonly #byAddress = new Map<string, Map<string, SimpleValue>>();

  constructor(family: MetricFamily<SimpleValue>, live: LiveRouter) {
    this.#family = family;
    this.#live = live;
  }

  /** @param address `ip:port`; empty when none was chosen */
  count(status: "success" | "failure", model: string, address: string): void {
    let counts = this.#byAddress.get(address);
    if (counts === undefined) {
      counts = new Map();
      this.#byAddress.set(address, counts);
    }
    const key = `${status}\0${model}`;
    let value = counts.get(key);
    if (value === undefined) {
      value = this.#child(status, counts.size < MAX_PER_ENDPOINT ? model : "other", address);
      if (counts.size < MAX_PER_ENDPOINT) counts.set(key, value);
    }
    value.add(1);
  }

  /** The endpoint is gone; its series would stay for ever. */
  removed({ name, namespace, address }: { readonly name: string; readonly namespace: string; address: string }): void {
    if (!this.#byAddress.delete(address)) return;
    const port = portOf(address);
    this.#family.drop(([, , endpoint, space, at]) => endpoint === name && space === namespace && at === port);
  }

  #child(status: string, model: string, address: string): SimpleValue {
    const endpoint = this.#live.endpointAt(address);
    const name = endpoint?.name ?? "";
    return this.#family.child(status, model, name, endpoint?.namespace ?? "", address === "" ? "" : portOf(address));
  }
}

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}
