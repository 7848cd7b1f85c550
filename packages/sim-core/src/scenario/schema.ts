import * as z from "zod";
import { durationUsSchema } from "../kernel/unit-schemas.ts";
import { disaggregationSchema } from "./disaggregation-schema.ts";
import { engineSchema, stepTimeSchema } from "./engine-schema.ts";
import { parallelismSchema } from "./parallelism.ts";
import { tiersSchema } from "./tiers-schema.ts";
import { placementSchema, topologySchema } from "./topology-schema.ts";
import { workloadSchema } from "./workload-schema.ts";

const poolSchema = z
  .strictObject({
    name: z.string().min(1).meta({ description: "Name of the pool; its endpoints are NAME-0, NAME-1, …" }),
    replicas: z
      .int()
      .min(1)
      .meta({ description: "Model servers in the pool; each data-parallel rank has an endpoint" }),
    accelerator: z
      .string()
      .meta({ description: "Accelerator id, e.g. h100-sxm; `windtunnel explain accelerators` lists them" }),
    tensorParallel: z.int().min(1).default(1).meta({ description: "Short for parallelism: {tensor}" }),
    parallelism: parallelismSchema.optional(),
    labels: z
      .record(z.string(), z.string())
      .default({})
      .meta({ description: "Labels of its endpoints, e.g. llm-d.ai/role: decode" }),
    pricePerHour: z
      .number()
      .min(0)
      .optional()
      .meta({ description: "US dollars for one accelerator for one hour; default: the catalogue's" }),
    placement: placementSchema.optional(),
    engine: engineSchema,
    kvTiers: tiersSchema.optional(),
    stepTime: stepTimeSchema,
  })
  .meta({ description: "Alike replicas" });

const routerSchema = z
  .strictObject({
    preset: z.string().optional().meta({ description: "Built-in configuration; `windtunnel policies` lists them" }),
    config: z
      .string()
      .optional()
      .meta({ description: "File with an EndpointPickerConfig or llm-d Helm values; relative to the scenario" }),
    inline: z.record(z.string(), z.unknown()).optional().meta({ description: "An EndpointPickerConfig, as it is" }),
    strict: z
      .boolean()
      .default(false)
      .meta({ description: "Departs from upstream's quirks where upstream contradicts its own contract" }),
    allowExperimentalPlugins: z
      .boolean()
      .default(false)
      .meta({ description: "Lets alpha plugins start, as llm-d's flag" }),
  })
  .refine((router) => [router.preset, router.config, router.inline].filter((x) => x !== undefined).length === 1, {
    error: "needs exactly one of preset, config, inline",
  })
  .meta({ description: "The router: exactly one of preset, config, inline" });

const gatewaySchema = z
  .strictObject({
    maxRequests: z.int().min(1).meta({
      description: "Requests in flight at most; more are refused at once (Envoy's circuit breaker: 1024 if unset)",
    }),
  })
  .meta({ description: "What the gateway before the router lets through; absent: everything" });

const signalsSchema = z
  .strictObject({
    scrapeInterval: durationUsSchema
      .prefault("50ms")
      .meta({ description: "How often the router scrapes each endpoint's metrics" }),
    kvEventDelay: durationUsSchema
      .prefault("1ms")
      .meta({ description: "From the end of a step to its KV-cache events reaching the router's index" }),
  })
  .prefault({})
  .meta({ description: "How stale the router's view is" });

const observeSchema = z
  .strictObject({
    series: z
      .union([z.literal("none"), durationUsSchema])
      .prefault("1s")
      .meta({ description: "Sampling interval of the time series, or none" }),
    decisions: z
      .union([
        z.enum(["none", "all"]),
        z.strictObject({ every: z.int().min(1).meta({ description: "Record every n-th request" }) }),
        z.strictObject({ rows: z.array(z.int().min(0)).meta({ description: "Record these requests" }) }),
      ])
      .default("none")
      .meta({ description: "Which routing decisions are recorded: none, all, {every: n} or {rows: [...]}" }),
  })
  .prefault({})
  .meta({ description: "What a run records besides its requests" });

/** The schema of a scenario file; what it parses to is in microseconds and bytes. */
export const scenarioSchema = z
  .strictObject({
    apiVersion: z.literal("windtunnel.dev/v1alpha1"),
    kind: z.literal("Scenario"),
    metadata: z.strictObject({
      name: z.string().min(1).meta({ description: "Name of the scenario, printed with its results" }),
      description: z.string().optional().meta({ description: "What it is for" }),
    }),
    spec: z.strictObject({
      seed: z.union([z.int(), z.string()]).default(1).meta({ description: "Same seed, same bytes" }),
      workload: workloadSchema,
      model: z.string().meta({ description: "Hugging Face id, or path to a config.json; relative to the scenario" }),
      pools: z.array(poolSchema).min(1).meta({ description: "The fleet" }),
      topology: topologySchema.optional(),
      disaggregation: disaggregationSchema.optional(),
      router: routerSchema.prefault({ preset: "optimized-baseline" }),
      gateway: gatewaySchema.optional(),
      signals: signalsSchema,
      observe: observeSchema,
    }),
  })
  .superRefine((scenario, context) => {
    const seen = new Set<string>();
    for (const [index, { name, placement }] of scenario.spec.pools.entries()) {
      if (placement && !scenario.spec.topology) {
        context.addIssue({
          code: "custom",
          path: ["spec", "pools", index, "placement"],
          message: "needs spec.topology, which says what there is to be placed on",
        });
      }
      if (seen.has(name)) {
        context.addIssue({
          code: "custom",
          path: ["spec", "pools", index, "name"],
          message: `duplicate pool "${name}"`,
        });
      }
      seen.add(name);
    }
  })
  .meta({ title: "Scenario", description: "A fleet, its router and the traffic it serves" });

/** A scenario with every default of the file format in force. */
export type Scenario = z.infer<typeof scenarioSchema>;
export type ScenarioPool = Scenario["spec"]["pools"][number];
