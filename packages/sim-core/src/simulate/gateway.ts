/** What the gateway in front of the router lets through. */
export interface GatewayInput {
  /** Requests in flight at most; more are refused at once. */
  readonly maxRequests: number;
}

/**
 * The gateway's circuit breaker: Envoy's `max_requests`, which a cluster without thresholds of its own has at 1024
 * (`config.cluster.v3.CircuitBreakers.Thresholds`). It refuses, and never queues. Each request holds its stream to the
 * Endpoint Picker for as long as it lasts, so a limit on that cluster is one on requests in flight as well
 * (envoyproxy/gateway issue 9997).
 */
export class Gateway {
  readonly #maxRequests: number;
  #requests = 0;

  constructor({ maxRequests }: GatewayInput) {
    this.#maxRequests = maxRequests;
  }

  /** Takes a request; whether it goes through. */
  arrived(): boolean {
    return ++this.#requests <= this.#maxRequests;
  }

  /** A request has ended, one that was refused too. */
  left(): void {
    this.#requests--;
  }
}
