import type { EndpointFacts, EndpointMetrics, HostEndpoint, KvEvent } from "@windtunnel/router-policies";
import type { ArrivedRequest } from "./arrived-request.ts";
import type { Flight, Refusal } from "./flight.ts";

/**
 * Watches everything that reaches the live router, in the order in which it reaches it, and what comes of it: metrics,
 * the recorder, the shadow and the debug page are observers. An observer changes nothing and must not throw.
 */
export interface Observer {
  endpointAdded?(endpoint: HostEndpoint, facts: EndpointFacts, nowUs: number): void;
  endpointRemoved?(endpoint: HostEndpoint, nowUs: number): void;
  metricsScraped?(endpoint: HostEndpoint, scraped: Partial<EndpointMetrics>, nowUs: number): void;
  /** The event's keys are scratch. */
  kvEvent?(endpoint: HostEndpoint, event: KvEvent, nowUs: number): void;
  /**
   * Just before the live router decides; whoever wraps the request to see what is read of it returns the wrapper.
   */
  deciding?(request: ArrivedRequest, nowUs: number): ArrivedRequest;
  dispatched?(flight: Flight): void;
  refused?(refusal: Refusal): void;
  responseStarted?(flight: Flight, nowUs: number): void;
  responseEnded?(flight: Flight, nowUs: number): void;
}
