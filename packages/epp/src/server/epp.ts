import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type EndpointPickerConfig,
  loadEndpointPickerConfig,
  NEVER_SCRAPED_US,
  Router,
} from "@windtunnel/router-policies";
import { Director } from "../exchange/director.ts";
import { monotonicClock } from "../host/clock.ts";
import { LiveRouter } from "../host/live-router.ts";
import type { Log } from "../host/log.ts";
import { randomStream } from "../host/random-streams.ts";
import { checkParsers } from "../parsers/parser-for.ts";
import type { LeaderElection } from "../pool/kubernetes/leader-election.ts";
import type { PoolSource } from "../pool/pool-source.ts";
import { PoolState } from "../pool/pool-state.ts";
import { type Signals, startSignals } from "../signals/signals.ts";
import type { Tokenizer } from "../tokens/prompt-tokens.ts";
import { tokenizerFor } from "../tokens/tokenizer.ts";
import { createGrpcServer, type GrpcServer } from "../wire/grpc-server.ts";
import { EXT_PROC_SERVICE, type HealthState, healthMethods, servingStatus } from "../wire/health.ts";
import { extProcMethod } from "./ext-proc-method.ts";
import { type EppOptions, OptionsError } from "./options.ts";
import { poolSourceOf } from "./pool-source-of.ts";
import { protocolMatches } from "./readiness.ts";
import { type ServerTls, serverTls } from "./server-tls.ts";

const PARSER_SERVED_VERIFIER = "destination-endpoint-served-verifier";
const FIRST_SCRAPES_MS = 1000;

/** A running Endpoint Picker. */
export interface RunningEpp {
  readonly live: LiveRouter;
  readonly grpcPort: number;
  readonly healthPort: number;
  readonly metricsPort: number;
  /** Resolves when every endpoint has been scraped once, or a second is over. */
  scrapedOnce(): Promise<void>;
  /**
   * Ends service without losing a request: not ready from now on, serves as before for the drain window while gateways
   * learn of it, then tells them to go elsewhere and waits as long again for what is open.
   */
  drain(): Promise<{ readonly abandoned: number }>;
  stop(): Promise<void>;
}

/**
 * Starts an Endpoint Picker; resolves when it serves. Its ports open after the first state of discovery is there, so
 * that no request meets an empty pool that is not.
 *
 * @throws OptionsError, PolicyError or PoolError for input that cannot be used: one line each
 */
export async function startEpp(options: EppOptions, log: Log): Promise<RunningEpp> {
  const epp = new Epp(options, log);
  try {
    await epp.start();
  } catch (error) {
    await epp.stop();
    throw error;
  }
  return epp;
}

/** Reads the configuration that the options name; llm-d's default without one. */
function configOf(options: EppOptions): EndpointPickerConfig {
  const file = options.text("config-file");
  const load = { strict: options.flag("strict"), allowExperimentalPlugins: options.flag("allow-experimental-plugins") };
  if (file === undefined) {
    const text = options.text("config-text") ?? "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";
    return loadEndpointPickerConfig(text, { file: "--config-text", ...load });
  }
  try {
    return loadEndpointPickerConfig(readFileSync(file, "utf8"), { file, ...load });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    throw new OptionsError(`--config-file ${file}: cannot be read (${code})`);
  }
}

class Epp implements RunningEpp {
  readonly live: LiveRouter;
  grpcPort = 0;
  healthPort = 0;
  metricsPort = 0;
  readonly #options: EppOptions;
  readonly #log: Log;
  readonly #config: EndpointPickerConfig;
  readonly #pool: PoolState;
  readonly #seed: string;
  readonly #parsers: readonly string[];
  readonly #tokenizer: Tokenizer;
  readonly #tls: ServerTls | undefined;
  readonly #grpc: GrpcServer;
  readonly #health: GrpcServer;
  #source: PoolSource | undefined;
  #signals: Signals | undefined;
  #election: LeaderElection | undefined;
  #draining = false;

  constructor(options: EppOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#config = configOf(options);
    this.#seed = options.text("seed") ?? randomBytes(8).toString("hex");
    const router = new Router(this.#config, {
      random: (stream) => randomStream(this.#seed, stream),
      ignoreSubset: options.flag("disable-endpoint-subset-filter"),
    });
    const emitScores = options.flag("emit-endpoint-scores");
    this.live = new LiveRouter(router, { clock: monotonicClock, explain: () => emitScores });
    this.#pool = new PoolState(this.live);
    this.#parsers = parserTypes(this.#config);
    checkParsers(this.#parsers);
    this.#tokenizer = tokenizerFor(this.#config, { tokenizerFile: options.text("tokenizer-file"), log });
    this.#tls = options.flag("secure-serving") ? serverTls(options, log) : undefined;
    this.#grpc = this.#extProcServer(emitScores);
    this.#health = createGrpcServer({ methods: healthMethods((service) => this.#serving(service)) });
  }

  async start(): Promise<void> {
    const options = this.#options;
    for (const { position, message } of this.#config.warnings) {
      this.#log.warn({ line: position.line, column: position.column }, `${position.file}: ${message}`);
    }
    await this.#tokenizer.ready?.();
    const { source, usesKubernetes } = await poolSourceOf(options, this.#config, this.#log);
    if (options.flag("ha-enable-leader-election")) await this.#standForElection(usesKubernetes);
    this.#signals = startSignals(this.#config, this.live, {
      clock: monotonicClock,
      log: this.#log,
      refreshIntervalUs: options.durationUs("refresh-metrics-interval"),
      maxPageBytes: options.number("max-metrics-page-size"),
    });
    this.#source = source;
    await source.start(this.#pool);
    const host = options.text("bind-address")!;
    this.grpcPort = (await this.#grpc.listen(host, options.number("grpc-port"))).port;
    this.healthPort = (await this.#health.listen(host, options.number("grpc-health-port"))).port;
    this.#tls?.watch(this.#grpc);
  }

  async scrapedOnce(): Promise<void> {
    const until = performance.now() + FIRST_SCRAPES_MS;
    const isFresh = () => this.live.endpoints.every(({ metrics }) => metrics.updatedAtUs !== NEVER_SCRAPED_US);
    while (!isFresh() && performance.now() < until) await sleep(10);
  }

  async drain(): Promise<{ readonly abandoned: number }> {
    this.#draining = true;
    // At once, so that a successor is ready before this one stops serving.
    await this.#election?.stop();
    const windowMs = this.#options.durationUs("drain-timeout") / 1000;
    this.#log.info({ windowMs }, "draining");
    await sleep(windowMs);
    return this.#grpc.drain(windowMs);
  }

  async stop(): Promise<void> {
    this.#tls?.stop();
    await this.#election?.stop();
    await this.#source?.stop();
    await this.#signals?.stop();
    await this.#tokenizer.stop?.();
    await this.#grpc.close();
    await this.#health.close();
  }

  async #standForElection(usesKubernetes: boolean): Promise<void> {
    if (!usesKubernetes) throw new OptionsError("--ha-enable-leader-election needs endpoints from Kubernetes");
    const { kubernetesLeaderElection } = await import("../pool/kubernetes/index.ts");
    const namespace = this.#options.text("pool-namespace");
    const poolName = this.#options.text("pool-name");
    this.#election = await kubernetesLeaderElection({
      ...(namespace === undefined ? {} : { namespace }),
      ...(poolName === undefined ? {} : { poolName }),
      onChange: (leading) => this.#log.info({ leading }, "leader election"),
      report: (message) => this.#log.warn({ source: "leader election" }, message),
    });
    await this.#election.start();
  }

  #extProcServer(emitScores: boolean): GrpcServer {
    const options = this.#options;
    const director = new Director({
      live: this.live,
      pool: this.#pool,
      parsers: this.#parsers,
      tokenizer: this.#tokenizer,
      random: randomStream(this.#seed, "model-rewrite"),
    });
    const method = extProcMethod({
      director,
      live: this.live,
      clock: monotonicClock,
      emitScores,
      maxBodyBytes: options.number("max-request-body-size"),
      verifyServed: this.#config.plugins.some(({ type }) => type === PARSER_SERVED_VERIFIER),
      unexpected: (error) => this.#log.error({ error: String(error) }, "a request failed in the endpoint picker"),
    });
    // As upstream: with --health-checking, whoever reaches the port is told that it serves.
    const always: HealthState = (service) => (service === EXT_PROC_SERVICE ? "SERVING" : "SERVICE_UNKNOWN");
    const health = options.flag("health-checking") ? healthMethods(always) : [];
    return createGrpcServer({
      methods: [method, ...health],
      limits: {
        maxRecvMessageBytes: options.number("grpc-max-recv-msg-size"),
        maxSendMessageBytes: options.number("grpc-max-send-msg-size"),
        maxResetsPerSecond: options.number("max-resets-per-second"),
      },
      ...(this.#tls === undefined ? {} : { tls: this.#tls.material }),
    });
  }

  #serving(service: string) {
    return servingStatus(service, {
      synced: this.#pool.synced,
      protocolMatches: protocolMatches(this.#config, this.#pool),
      pluginsReady: true,
      draining: this.#draining,
      ...(this.#election === undefined ? {} : { leader: this.#election.leading }),
    });
  }
}

/** The configured parsers, by type. */
function parserTypes(config: EndpointPickerConfig): string[] {
  const types = new Map(config.plugins.map(({ name, type }) => [name, type]));
  return config.requestHandler.parsers.map((name) => types.get(name) ?? name);
}
