import { type EndpointMetrics, loadEndpointPickerConfig, Router } from "@windtunnel/router-policies";
import { Director } from "../../../src/exchange/director.ts";
import { Exchange, type ExchangeOutput, type ExchangeParts } from "../../../src/exchange/exchange.ts";
import type { Flight, Refusal } from "../../../src/host/flight.ts";
import { LiveRouter } from "../../../src/host/live-router.ts";
import type { Log } from "../../../src/host/log.ts";
import { randomStream } from "../../../src/host/random-streams.ts";
import type { ModelRewrite } from "../../../src/pool/pool-source.ts";
import { PoolState } from "../../../src/pool/pool-state.ts";
import type { Tokenizer } from "../../../src/tokens/prompt-tokens.ts";
import { tokenizerFor } from "../../../src/tokens/tokenizer.ts";

const PARSERS = ["openai-parser", "anthropic-parser", "vllmhttp-parser", "passthrough-parser"];
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A router with a picker that takes the lowest queue, and producers that count what is in flight. */
export const LOAD_CONFIG = {
  plugins: [
    { type: "queue-scorer" },
    { type: "kv-cache-utilization-scorer" },
    { type: "active-request-scorer" },
    { type: "max-score-picker" },
  ],
  schedulingProfiles: [
    {
      name: "default",
      plugins: [
        { pluginRef: "queue-scorer" },
        { pluginRef: "kv-cache-utilization-scorer" },
        { pluginRef: "active-request-scorer" },
        { pluginRef: "max-score-picker" },
      ],
    },
  ],
};

export interface RigEndpoint {
  readonly address: string;
  readonly metrics?: Partial<EndpointMetrics>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface RigOptions {
  readonly endpoints: readonly RigEndpoint[];
  /** Fields of an EndpointPickerConfig. */
  readonly configuration?: object;
  readonly objectives?: Readonly<Record<string, number>>;
  readonly modelRewrites?: readonly ModelRewrite[];
  readonly emitScores?: boolean;
  readonly strict?: boolean;
  readonly ignoreSubset?: boolean;
  readonly maxBodyBytes?: number;
  /** In place of the configuration's. */
  readonly tokenizer?: Tokenizer;
}

/** Exchanges over a real router, without sockets, and what its observers saw. */
export class ExchangeRig {
  readonly live: LiveRouter;
  readonly parts: ExchangeParts;
  readonly dispatched: Flight[] = [];
  readonly ended: Flight[] = [];
  readonly refused: Refusal[] = [];
  /** Defects that the exchange caught. */
  readonly defects: unknown[] = [];
  #nowUs = 1_000_000;

  constructor(options: RigOptions) {
    const { strict = false, emitScores = false, ignoreSubset = false } = options;
    const document = { apiVersion: "llm-d.ai/v1alpha1", kind: "EndpointPickerConfig", ...options.configuration };
    const config = loadEndpointPickerConfig(JSON.stringify(document), { file: "case", strict });
    const router = new Router(config, { random: (stream) => randomStream("cases", stream), ignoreSubset });
    const clock = { nowUs: () => this.#nowUs++ };
    this.live = new LiveRouter(router, { clock, explain: () => emitScores });
    this.live.observe({
      dispatched: (flight) => this.dispatched.push(flight),
      responseEnded: (flight) => this.ended.push(flight),
      refused: (refusal) => this.refused.push(refusal),
    });
    const pool = new PoolState(this.live);
    pool.objectives(new Map(Object.entries(options.objectives ?? {}).map(([name, priority]) => [name, { priority }])));
    pool.rewrites(options.modelRewrites ?? []);
    this.setEndpoints(options.endpoints);
    const types = new Map(config.plugins.map(({ name, type }) => [name, type]));
    const parsers = config.requestHandler.parsers.map((name) => types.get(name) ?? name);
    const director = new Director({
      live: this.live,
      pool,
      parsers: parsers.length === 0 ? PARSERS : parsers,
      tokenizer: options.tokenizer ?? tokenizerFor(config, { log: silent }),
      random: randomStream("cases", "model-rewrite"),
    });
    this.parts = {
      director,
      live: this.live,
      clock,
      emitScores,
      maxBodyBytes: options.maxBodyBytes ?? 64 * 1024 * 1024,
      verifyServed: config.plugins.some(({ type }) => type === "destination-endpoint-served-verifier"),
      unexpected: (error) => this.defects.push(error),
    };
  }

  /** Replaces the endpoints; those whose address stays keep their state. */
  setEndpoints(endpoints: readonly RigEndpoint[]): void {
    this.live.setEndpoints(
      endpoints.map(({ address, labels = {} }) => ({ name: address, namespace: "default", address, labels })),
    );
    for (const { address, metrics = {} } of endpoints)
      this.live.metricsScraped(this.live.endpointAt(address)!, metrics);
  }

  open(output: ExchangeOutput): Exchange {
    return new Exchange(this.parts, output);
  }
}
