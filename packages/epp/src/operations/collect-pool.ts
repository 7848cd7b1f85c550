import { NEVER_SCRAPED_US } from "@windtunnel/router-policies";
import type { Clock } from "../host/clock.ts";
import type { LiveRouter } from "../host/live-router.ts";
import { firstTargets, type InFlight } from "./in-flight.ts";
import type { MetricFamilies } from "./metric-families.ts";

const US_PER_SECOND = 1e6;
/** Upstream's name of a producer that nobody named. */
const DEFAULT_PRODUCER = "inflight-load-producer";

export interface PoolFacts {
  readonly live: LiveRouter;
  readonly clock: Clock;
  readonly inFlight: InFlight;
  readonly poolName: string;
  readonly inFlightProducer?: string;
  /** Bounds the values of `fairness_id`. */
  readonly fairness: (value: string) => string;
}

/** Takes the gauges of the pool as they are now. */
export function collectPool(families: MetricFamilies, facts: PoolFacts): void {
  const { live, clock, poolName } = facts;
  const { endpoints } = live;
  const kv = endpoints.map(({ metrics }) => metrics.kvCacheUsageFraction);
  const queue = endpoints.map(({ metrics }) => metrics.waitingQueueSize);
  const running = endpoints.map(({ metrics }) => metrics.runningRequestsSize);
  families.averageKvUsage.child(poolName).set(mean(kv));
  families.averageQueue.child(poolName).set(mean(queue));
  families.averageRunning.child(poolName).set(mean(running));
  families.stdDevKvUsage.child(poolName).set(standardDeviation(kv));
  families.stdDevQueue.child(poolName).set(standardDeviation(queue));
  families.stdDevRunning.child(poolName).set(standardDeviation(running));
  families.readyEndpoints.child(poolName).set(endpoints.length);
  families.endpointQueue.clear();
  families.signalAge.clear();
  const nowUs = clock.nowUs();
  for (const { name, namespace, metrics } of endpoints) {
    families.endpointQueue.child(poolName, name).set(metrics.waitingQueueSize);
    if (metrics.updatedAtUs === NEVER_SCRAPED_US) continue;
    families.signalAge.child(name, namespace).set((nowUs - metrics.updatedAtUs) / US_PER_SECOND);
  }
  collectInFlight(families, facts);
}

function collectInFlight(families: MetricFamilies, facts: PoolFacts): void {
  const { live, inFlight, fairness, inFlightProducer = DEFAULT_PRODUCER } = facts;
  families.inFlightRequests.clear();
  for (const flight of inFlight.flights) {
    const { fairnessId, priority } = flight.request;
    for (const address of firstTargets(flight)) {
      const endpoint = live.endpointAt(address);
      if (endpoint === undefined) continue;
      const { name, namespace } = endpoint;
      families.inFlightRequests.child(name, namespace, fairness(fairnessId), String(priority), inFlightProducer).add(1);
    }
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a sample, as upstream: divided by n − 1; 0 for fewer than two values. */
function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
