import {
  type Endpoint,
  type EndpointMetrics,
  type InferenceRequest,
  loadEndpointPickerConfig,
  NEVER_SCRAPED_US,
  type PluginContext,
  type RandomSource,
  Router,
  type RouterHost,
} from "@windtunnel/router-policies";

/** An endpoint with the metrics that matter to a test; scraped at 0 unless told. */
export function endpoint(
  slot: number,
  metrics: Partial<EndpointMetrics> = {},
  labels: Record<string, string> = {},
): Endpoint {
  return {
    name: `e${slot}`,
    namespace: "default",
    address: `10.0.0.${slot}:8000`,
    labels,
    slot,
    metrics: {
      waitingQueueSize: 0,
      runningRequestsSize: 0,
      kvCacheUsageFraction: 0,
      cacheBlockSizeTokens: 16,
      cacheNumBlocks: 1000,
      updatedAtUs: 0,
      ...metrics,
    },
  };
}

export const unscraped = (slot: number): Endpoint => endpoint(slot, { updatedAtUs: NEVER_SCRAPED_US });

/** A request whose prompt blocks are (seed, 0), (seed, 1), … */
export function request(
  over: Partial<InferenceRequest> & {
    headers?: Record<string, string>;
    cookies?: Record<string, string>;
    seed?: number;
  } = {},
): InferenceRequest {
  const { headers = {}, cookies = {}, seed = 1, ...rest } = over;
  const given: InferenceRequest = {
    id: "r",
    targetModel: "m",
    promptTokens: 100,
    promptCount: 1,
    priority: 0,
    fairnessId: "default-flow",
    header: (name) => headers[name],
    cookie: (name) => cookies[name],
    promptKeys: (blockSizeTokens, withPartialBlock) => {
      const blocks = given.promptTokens / blockSizeTokens;
      const length = withPartialBlock ? Math.ceil(blocks) : Math.floor(blocks);
      const hi = new Int32Array(length).fill(seed);
      return { length, hi, lo: Int32Array.from({ length }, (_, i) => i * 1000 + blockSizeTokens) };
    },
    ...rest,
  };
  return given;
}

/** Numbers that a test names, over and over. */
export function draws(...numbers: number[]): RandomSource {
  let i = 0;
  return { next: () => numbers[i++ % numbers.length]! };
}

/** Pseudo-random numbers by seed (mulberry32). */
export function seeded(seed: number): RandomSource {
  let state = seed | 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    },
  };
}

/** A plugin's surroundings without producers. */
export const context = (random: RandomSource = draws(0), strict = false): PluginContext => ({
  name: "it",
  random,
  strict,
  data: () => {
    throw new Error("no data here");
  },
  decider: () => {
    throw new Error("no deciders here");
  },
  peer: { endpoint: undefined },
});

export const scoresOf = (
  scorer: { score(r: InferenceRequest, e: readonly Endpoint[], s: Float64Array, nowUs: number): void },
  endpoints: readonly Endpoint[],
): number[] => {
  const scores = new Float64Array(endpoints.length);
  scorer.score(request(), endpoints, scores, 0);
  return [...scores];
};

export const HEAD = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";

export const config = (body: string, over: { strict?: boolean; allowExperimentalPlugins?: boolean } = {}) =>
  loadEndpointPickerConfig(body.startsWith("apiVersion") ? body : HEAD + body, { file: "epp.yaml", ...over });

export const host = (seed = 1, over: Partial<RouterHost> = {}): RouterHost => ({
  random: (stream) => seeded([...stream].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) | 0, seed)),
  ...over,
});

/** A router with `count` endpoints `e0` … on 10.0.0.<i>:8000, all scraped at 0. */
export function router(body: string, count: number, over: Parameters<typeof config>[1] & Partial<RouterHost> = {}) {
  const { strict, allowExperimentalPlugins, ...rest } = over;
  const options = {
    ...(strict === undefined ? {} : { strict }),
    ...(allowExperimentalPlugins === undefined ? {} : { allowExperimentalPlugins }),
  };
  const built = new Router(config(body, options), host(1, rest));
  for (let i = 0; i < count; i++) {
    const { name, namespace, address, labels } = endpoint(i);
    built.updateMetrics(built.addEndpoint({ name, namespace, address, labels }), {}, 0);
  }
  return built;
}

/** The first target's name, or `status message` of a rejection. */
export function outcome(decision: ReturnType<Router["requestArrived"]>): string {
  if (decision.kind === "dispatched") return decision.targets[0]!.name;
  return decision.kind === "rejected" ? `${decision.status} ${decision.message}` : decision.kind;
}
