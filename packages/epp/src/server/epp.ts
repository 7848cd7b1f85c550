import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type EndpointPickerConfig, NEVER_SCRAPED_US, Router } from "@windtunnel/router-policies";
import manifest from "../../package.json" with { type: "json" };
import { Director } from "../exchange/director.ts";
import { monotonicClock } from "../host/clock.ts";
import { LiveRouter } from "../host/live-router.ts";
import type { Log } from "../host/log.ts";
import { randomStream } from "../host/random-streams.ts";
import { DecisionRing } from "../operations/decision-ring.ts";
import { DEBUG_VERBOSITY } from "../operations/log.ts";
import { Operations } from "../operations/operations.ts";
import { startTracing, type Tracing } from "../operations/tracing.ts";
import { checkParsers } from "../parsers/parser-for.ts";
import type { LeaderElection } from "../pool/kubernetes/leader-election.ts";
import type { PoolSource } from "../pool/pool-source.ts";
import { PoolState } from "../pool/pool-state.ts";
import { Recorder } from "../record/recorder.ts";
import { ShadowRouter } from "../shadow/shadow.ts";
import { type Signals, startSignals } from "../signals/signals.ts";
import type { Tokenizer } from "../tokens/prompt-tokens.ts";
import { tokenizerFor } from "../tokens/tokenizer.ts";
import { createGrpcServer, type GrpcServer } from "../wire/grpc-server.ts";
import { EXT_PROC_SERVICE, type HealthState, healthMethods, servingStatus } from "../wire/health.ts";
import { type Configuration, liveConfiguration, shadowConfiguration } from "./configuration.ts";
import { extProcMethod } from "./ext-proc-method.ts";
import { listening } from "./listen.ts";
import type { EppOptions } from "./options.ts";
import { poolSourceOf } from "./pool-source-of.ts";
import { protocolMatches } from "./readiness.ts";
import { type ServerTls, serverTls } from "./server-tls.ts";
import { metricsReview, stoodForElection } from "./with-kubernetes.ts";

const SERVED_VERIFIER = "destination-endpoint-served-verifier";
const IN_FLIGHT_PRODUCER = "inflight-load-producer";
const FIRST_SCRAPES_MS = 1000;
const UNSENT_ROOM_BYTES = 16 * 1024 * 1024;

/** A running Endpoint Picker. */
export interface RunningEpp {
  readonly live: LiveRouter;
  readonly grpcPort: number;
  readonly healthPort: number;
  readonly metricsPort: number;
  /** 0 without debug pages. */
  readonly debugPort: number;
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

class Epp implements RunningEpp {
  readonly live: LiveRouter;
  grpcPort = 0;
  healthPort = 0;
  readonly #options: EppOptions;
  readonly #log: Log;
  readonly #configuration: Configuration;
  readonly #config: EndpointPickerConfig;
  readonly #seed: string;
  readonly #pool: PoolState;
  readonly #operations: Operations;
  readonly #recorder: Recorder | undefined;
  readonly #parsers: readonly string[];
  readonly #tokenizer: Tokenizer;
  readonly #tls: ServerTls | undefined;
  readonly #health: GrpcServer;
  #grpc: GrpcServer | undefined;
  #tracing: Tracing | undefined;
  #source: PoolSource | undefined;
  #signals: Signals | undefined;
  #election: LeaderElection | undefined;
  #draining = false;

  constructor(options: EppOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#configuration = liveConfiguration(options);
    this.#config = this.#configuration.config;
    this.#seed = options.text("seed") ?? randomBytes(8).toString("hex");
    this.#parsers = parserTypes(this.#config);
    checkParsers(this.#parsers);
    this.#tokenizer = tokenizerFor(this.#config, { tokenizerFile: options.text("tokenizer-file"), log });
    this.#tls = options.flag("secure-serving") ? serverTls(options, log) : undefined;
    this.#health = createGrpcServer({ methods: healthMethods((service) => this.#serving(service)) });
    const router = new Router(this.#config, {
      random: (stream) => randomStream(this.#seed, stream),
      ignoreSubset: options.flag("disable-endpoint-subset-filter"),
    });
    const decisions = new DecisionRing();
    const emitScores = options.flag("emit-endpoint-scores");
    const hasDebug = options.number("debug-port") !== 0;
    this.live = new LiveRouter(router, {
      clock: monotonicClock,
      explain: (_, nowUs) => emitScores || (hasDebug && decisions.wantsExplanation(nowUs)),
    });
    this.#pool = new PoolState(this.live);
    // First, so that it sees the request as the router does.
    this.#recorder = this.#recorderOf();
    if (this.#recorder !== undefined) this.live.observe(this.#recorder);
    const inFlight = this.#config.plugins.find(({ type }) => type === IN_FLIGHT_PRODUCER)?.name;
    this.#operations = new Operations({
      ...{ live: this.live, clock: monotonicClock, log, decisions, version: manifest.version },
      poolName: options.text("pool-name") ?? "",
      accessLog: options.number("v") >= DEBUG_VERBOSITY,
      ...(inFlight === undefined ? {} : { inFlightProducer: inFlight }),
    });
    this.#observeWithShadow();
  }

  get metricsPort(): number {
    return this.#operations.metricsPort;
  }

  get debugPort(): number {
    return this.#operations.debugPort;
  }

  async start(): Promise<void> {
    const options = this.#options;
    const log = this.#log;
    for (const { position, message } of this.#config.warnings) {
      log.warn({ line: position.line, column: position.column }, `${position.file}: ${message}`);
    }
    await this.#tokenizer.ready?.();
    if (options.flag("tracing")) this.#tracing = await startTracing(process.env, monotonicClock);
    this.#grpc = this.#extProcServer();
    const { source, usesKubernetes } = await poolSourceOf(options, this.#config, log);
    this.#election = await stoodForElection(options, usesKubernetes, log);
    this.#signals = startSignals(this.#config, this.live, {
      clock: monotonicClock,
      log,
      refreshIntervalUs: options.durationUs("refresh-metrics-interval"),
      maxPageBytes: options.number("max-metrics-page-size"),
    });
    this.#source = source;
    await source.start(this.#pool);
    await this.#openOperations(usesKubernetes);
    const reusePort = options.flag("reuse-port");
    const open = (server: GrpcServer) => async (host: string, port: number) =>
      (await server.listen(host, port, { reusePort })).port;
    this.grpcPort = await listening(options, "grpc-port", open(this.#grpc));
    this.healthPort = await listening(options, "grpc-health-port", open(this.#health));
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
    // Not what keeps the process: a second signal ends it at once.
    await sleep(windowMs, undefined, { ref: false });
    return (await this.#grpc?.drain(windowMs)) ?? { abandoned: 0 };
  }

  async stop(): Promise<void> {
    this.#tls?.stop();
    await this.#election?.stop();
    await this.#source?.stop();
    await this.#signals?.stop();
    await this.#tokenizer.stop?.();
    await this.#grpc?.close();
    await this.#health.close();
    await this.#operations.stop();
    await this.#tracing?.stop();
    await this.#recorder?.close();
  }

  #recorderOf(): Recorder | undefined {
    const directory = this.#options.text("record");
    if (directory === undefined) return undefined;
    return new Recorder({
      directory,
      maxBytes: this.#options.number("record-max-size"),
      clock: monotonicClock,
      log: this.#log,
      configuration: this.#configuration.given,
      seed: this.#seed,
      ignoreSubset: this.#options.flag("disable-endpoint-subset-filter"),
    });
  }

  #observeWithShadow(): void {
    const shadow = shadowConfiguration(this.#options);
    if (shadow === undefined) return;
    const recorder = this.#recorder;
    this.live.observe(
      new ShadowRouter({
        config: shadow.config,
        seed: this.#seed,
        ignoreSubset: this.#options.flag("disable-endpoint-subset-filter"),
        clock: monotonicClock,
        log: this.#log,
        registry: this.#operations.metrics.registry,
        ...(recorder === undefined ? {} : { compared: (comparison) => recorder.shadowed(comparison) }),
      }),
    );
  }

  async #openOperations(usesKubernetes: boolean): Promise<void> {
    const options = this.#options;
    const authorize = await metricsReview(options, usesKubernetes);
    const certFolder = options.text("metrics-cert-dir");
    const clientCaFile = options.text("metrics-client-ca-file");
    const signals = this.#signals!;
    await listening(options, "metrics-port", (host, port) =>
      this.#operations.listen({
        ...{ host, port, signals },
        ...(certFolder === undefined ? {} : { certFolder }),
        ...(clientCaFile === undefined ? {} : { clientCaFile }),
        ...(authorize === undefined ? {} : { authorize }),
      }),
    );
    if (options.number("debug-port") === 0) return;
    const shown = { config: this.#config, flags: options.shown(), signals };
    await listening(options, "debug-port", (_, port) => this.#operations.listenDebug(port, shown));
  }

  #extProcServer(): GrpcServer {
    const options = this.#options;
    const { metrics } = this.#operations;
    const tracing = this.#tracing;
    const maxBodyBytes = options.number("max-request-body-size");
    const director = new Director({
      live: this.live,
      pool: this.#pool,
      parsers: this.#parsers,
      tokenizer: this.#tokenizer,
      random: randomStream(this.#seed, "model-rewrite"),
      modelRewritten: (rewrite, model, target) => metrics.modelRewritten(rewrite, model, target),
    });
    const method = extProcMethod({
      director,
      live: this.live,
      clock: monotonicClock,
      emitScores: options.flag("emit-endpoint-scores"),
      maxBodyBytes,
      verifyServed: this.#config.plugins.some(({ type }) => type === SERVED_VERIFIER),
      badRequest: (status) => metrics.badRequest(status),
      unexpected: (error) => this.#log.error({ error: String(error) }, "a request failed in the endpoint picker"),
      ...(tracing === undefined ? {} : { trace: (headers) => tracing.begin(headers) }),
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
        // A body goes back whole before the gateway has read any of it.
        maxUnsentBytes: maxBodyBytes + UNSENT_ROOM_BYTES,
      },
      ...(this.#tls === undefined ? {} : { tls: this.#tls.material }),
    });
  }

  #serving(service: string) {
    return servingStatus(service, {
      synced: this.#pool.synced,
      protocolMatches: protocolMatches(this.#parsers, this.#pool),
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
