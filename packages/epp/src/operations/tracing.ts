import type { RequestTrace } from "../exchange/exchange.ts";
import type { RequestHeaders } from "../exchange/request-headers.ts";
import type { Clock } from "../host/clock.ts";
import { type Environment, spanDestination } from "./span-destination.ts";

/** Traces requests, as the environment asks for it. */
export interface Tracing {
  /** A request whose headers are there. */
  begin(headers: RequestHeaders): RequestTrace;
  /** Hands over what is not handed over yet, if that can be done in short time. */
  stop(): Promise<void>;
}

/**
 * Begins to trace when `OTEL_*` in the environment name an exporter; undefined, and no library loaded, where not.
 *
 * @throws TracingError
 */
export async function startTracing(environment: Environment, clock: Clock): Promise<Tracing | undefined> {
  const destination = spanDestination(environment);
  if (destination === undefined) return undefined;
  const { OtelTracing, spanExporter } = await import("./otel-tracing.ts");
  return new OtelTracing(await spanExporter(destination), environment, clock);
}
