/** Variables of the environment by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where spans go. */
export type SpanDestination = { readonly kind: "otlp"; readonly url: string } | { readonly kind: "console" };

const DEFAULT_OTLP = "http://localhost:4318";

/** @throws TracingError for an exporter that is not known */
export function spanDestination(environment: Environment): SpanDestination | undefined {
  const { OTEL_TRACES_EXPORTER: exporter, OTEL_SDK_DISABLED: disabled } = environment;
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces, OTEL_EXPORTER_OTLP_ENDPOINT: base } = environment;
  if (disabled?.toLowerCase() === "true" || exporter === "none") return undefined;
  if (exporter === "console") return { kind: "console" };
  if (exporter !== undefined && exporter !== "" && exporter !== "otlp") {
    throw new TracingError(`OTEL_TRACES_EXPORTER: "${exporter}" is not known (allowed: otlp, console, none)`);
  }
  // Unlike upstream, whose default writes spans to the console: without being asked for, there are none.
  if (!exporter && !traces && !base) return undefined;
  return { kind: "otlp", url: traces || `${(base || DEFAULT_OTLP).replace(/\/+$/, "")}/v1/traces` };
}

/** The environment asks for tracing in a way that cannot be done. */
export class TracingError extends Error {
  override readonly name = "TracingError";
}
