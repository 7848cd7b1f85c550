import {
  durationUs,
  type EndpointPickerConfig,
  nearestMatch,
  type PluginSpec,
  PolicyError,
} from "@windtunnel/router-policies";
import * as z from "zod";
import { BUILT_IN_ENGINES, type EngineMapping, engineMapping, NO_SPECS } from "./engine-mapping.ts";
import { MetricSpecError } from "./metric-spec.ts";

const SOURCE = "metrics-data-source";
const EXTRACTOR = "core-metrics-extractor";
const ENGINE_LABEL = "llm-d.ai/engine-type";
const OLD_ENGINE_LABEL = "inference.networking.k8s.io/engine-type";
/** In a pod's label it means the default engine, so that no engine may be called so. */
const RESERVED_ENGINE = "default";

/** Where and how often model servers are asked for their metrics, and how their pages are read. */
export interface MetricsSource {
  /** The plugin's name in the configuration. */
  readonly name: string;
  readonly scheme: "http" | "https";
  readonly path: string;
  /** Instead of the endpoint's own port. */
  readonly port: number | undefined;
  readonly insecureSkipVerify: boolean;
  readonly caCertPath: string | undefined;
  readonly clientCertPath: string | undefined;
  readonly clientKeyPath: string | undefined;
  /** Undefined: at every tick. */
  readonly intervalUs: number | undefined;
  readonly engines: EngineTable;
}

/** Which engine's mapping an endpoint's page is read with. */
export class EngineTable {
  readonly #byName: ReadonlyMap<string, EngineMapping>;
  readonly #default: EngineMapping;
  readonly #labelKey: string;

  constructor(mappings: readonly EngineMapping[], defaultEngine: EngineMapping, labelKey: string) {
    this.#byName = new Map(mappings.map((mapping) => [mapping.engine, mapping]));
    this.#default = defaultEngine;
    this.#labelKey = labelKey;
  }

  /** By the pod's label; the default engine without one, and for a name that nobody knows. */
  mappingFor(labels: Readonly<Record<string, string>>): EngineMapping {
    const name = labels[this.#labelKey] || labels[OLD_ENGINE_LABEL] || "";
    return this.#byName.get(name) ?? this.#default;
  }
}

const port = z.int().min(0).max(65535);
const sourceParameters = z.strictObject({
  scheme: z.enum(["http", "https"]).default("http"),
  path: z.string().default("/metrics"),
  port: port.default(0),
  insecureSkipVerify: z.boolean().default(true),
  caCertPath: z.string().default(""),
  clientCertPath: z.string().default(""),
  clientKeyPath: z.string().default(""),
  interval: z.string().default(""),
});

const text = z.string().default("");
const engineConfig = z.strictObject({
  name: z.string().min(1),
  queuedRequestsSpec: text,
  runningRequestsSpec: text,
  kvUsageSpec: text,
  loraSpec: text,
  cacheInfoSpec: text,
  cacheBlockSizeLabelName: text,
  cacheNumBlocksLabelName: text,
  cacheBlockSizeSpec: text,
  cacheNumBlocksSpec: text,
  customMetrics: z.array(z.strictObject({ attributeKey: z.string().min(1), metricSpec: text })).default([]),
});
const extractorParameters = z.strictObject({
  engineLabelKey: z.string().default(""),
  defaultEngine: z.string().default(""),
  engineConfigs: z.array(engineConfig).default([]),
});

/**
 * The sources of metrics that a configuration has in force: usually one. A source without an extractor reads nothing, and
 * is left out.
 *
 * @throws PolicyError for parameters that cannot be used
 */
export function metricsSources(config: EndpointPickerConfig): MetricsSource[] {
  const plugin = (name: string, type: string) =>
    config.plugins.find((spec) => spec.name === name && spec.type === type);
  return config.dataLayer.sources.flatMap(({ plugin: sourceName, extractors }) => {
    const source = plugin(sourceName, SOURCE);
    const extractor = extractors.find((name) => named(config, name)?.type === EXTRACTOR || name === EXTRACTOR);
    if (source === undefined || extractor === undefined) return [];
    return [metricsSource(source, plugin(extractor, EXTRACTOR))];
  });
}

const named = (config: EndpointPickerConfig, name: string): PluginSpec | undefined =>
  config.plugins.find((spec) => spec.name === name);

function metricsSource(source: PluginSpec, extractor: PluginSpec | undefined): MetricsSource {
  const given = parametersOf(sourceParameters, source);
  if (!/^\/[!-~]*$/.test(given.path)) {
    throw broken(source, `path: found ${JSON.stringify(given.path)}, allowed is a URL path such as /metrics`);
  }
  if ((given.clientCertPath === "") !== (given.clientKeyPath === "")) {
    throw broken(source, "clientCertPath and clientKeyPath stand together or not at all");
  }
  return {
    name: source.name,
    scheme: given.scheme,
    path: given.path,
    port: given.port || undefined,
    insecureSkipVerify: given.insecureSkipVerify,
    caCertPath: given.caCertPath || undefined,
    clientCertPath: given.clientCertPath || undefined,
    clientKeyPath: given.clientKeyPath || undefined,
    intervalUs: given.interval === "" ? undefined : intervalUs(given.interval, source),
    engines: engineTable(extractor),
  };
}

function engineTable(extractor: PluginSpec | undefined): EngineTable {
  const given = extractor === undefined ? extractorParameters.parse({}) : parametersOf(extractorParameters, extractor);
  const own = given.engineConfigs.map((specs) => ({ ...NO_SPECS, ...specs }));
  const all = [...own, ...BUILT_IN_ENGINES.filter(({ name }) => !own.some((specs) => specs.name === name))];
  const seen = new Set<string>();
  const mappings = all.map((specs) => {
    if (specs.name === RESERVED_ENGINE) throw broken(extractor, `engine name "${RESERVED_ENGINE}" is reserved`);
    if (seen.has(specs.name)) throw broken(extractor, `engine ${JSON.stringify(specs.name)} stands twice`);
    seen.add(specs.name);
    try {
      return engineMapping(specs);
    } catch (error) {
      throw error instanceof MetricSpecError ? broken(extractor, error.message) : error;
    }
  });
  const wanted = given.defaultEngine || "vllm";
  const fallback = mappings.find(({ engine }) => engine === wanted);
  if (fallback === undefined) throw broken(extractor, `defaultEngine: ${unknown(wanted, [...seen])}`);
  return new EngineTable(mappings, fallback, given.engineLabelKey || ENGINE_LABEL);
}

/** A plugin's parameters, names matched without regard to case. */
function parametersOf<T>(schema: z.ZodType<T> & { readonly shape: object }, plugin: PluginSpec): T {
  const result = schema.safeParse(ownNames(schema, plugin.parameters));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const where = issue.path.length === 0 ? "parameters" : issue.path.join(".");
  throw broken(plugin, `${where}: ${issue.message}`);
}

/** The value with the names of its mappings spelt as the schema spells them. */
function ownNames(schema: unknown, value: unknown): unknown {
  const { def } = schema as { def: { innerType?: unknown; element?: unknown; shape?: Record<string, unknown> } };
  if (def.innerType !== undefined) return value === null ? undefined : ownNames(def.innerType, value);
  if (Array.isArray(value))
    return value.map((item) => (def.element === undefined ? item : ownNames(def.element, item)));
  const { shape } = def;
  if (shape === undefined || typeof value !== "object" || value === null) return value;
  const names = Object.keys(shape);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const name = names.find((known) => known.toLowerCase() === key.toLowerCase());
      return name === undefined ? [key, item] : [name, ownNames(shape[name], item)];
    }),
  );
}

function intervalUs(given: string, source: PluginSpec): number {
  const us = durationUs(given);
  if (us !== undefined && us > 0) return Math.round(us);
  throw broken(source, `interval: found ${JSON.stringify(given)}, allowed is a duration such as 1s`);
}

function unknown(found: string, allowed: readonly string[]): string {
  const near = nearestMatch(found, allowed);
  const hint = near === undefined ? `allowed: ${allowed.join(", ")}` : `did you mean ${JSON.stringify(near)}?`;
  return `unknown engine ${JSON.stringify(found)} (${hint})`;
}

const broken = (plugin: PluginSpec | undefined, what: string): PolicyError =>
  new PolicyError(plugin === undefined ? what : `${plugin.name}: ${what}`, plugin?.position);
