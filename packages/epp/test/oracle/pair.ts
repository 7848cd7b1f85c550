import type { FakeGauges } from "../../src/demo/fake-metrics-page.ts";
import { type FakeVllm, startFakeVllm } from "../../src/demo/fake-vllm.ts";
import { EnvoyClient, type GatewayStream } from "../support/envoy-client.ts";
import { EppFiles, type EppProgram, type FileEndpoint, type RunningEpp, startEpp } from "../support/epp-program.ts";
import type { GatewayRequest, Routing } from "../support/gateway-messages.ts";
import { type ConfigParts, pickerConfig } from "./picker-config.ts";

/** Five scrapes: after it, a change of the gauges has reached both. */
const SETTLE_MS = 300;

export interface PairOptions {
  readonly endpoints: number;
  readonly labels?: (index: number) => Readonly<Record<string, string>>;
  readonly gauges?: Partial<FakeGauges>;
}

/** One request that both have routed and whose response has not come yet. */
export interface HeldRequest {
  readonly ours: Routing;
  readonly theirs: Routing;
  /** The first event of a streamed response comes. */
  begin(): Promise<void>;
  /** The response comes, or what is left of it. */
  respond(): Promise<void>;
  /** The client goes away. */
  abort(): Promise<void>;
}

/** An address of its own for each endpoint of a pair: upstream's subsets know no ports. */
export function endpointHost(index: number): string {
  return `127.0.1.${index + 1}`;
}

/** Ours and upstream's Endpoint Picker over the same configuration, endpoint file and model servers. */
export class Pair {
  readonly fakes: readonly FakeVllm[];
  readonly #files: EppFiles;
  readonly #epps: readonly RunningEpp[];
  readonly #clients: readonly EnvoyClient[];

  private constructor(fakes: readonly FakeVllm[], files: EppFiles, epps: readonly RunningEpp[]) {
    this.fakes = fakes;
    this.#files = files;
    this.#epps = epps;
    this.#clients = epps.map(({ grpcPort }) => new EnvoyClient(`127.0.0.1:${grpcPort}`));
  }

  static async start(
    programs: readonly [EppProgram, EppProgram],
    config: ConfigParts,
    options: PairOptions,
  ): Promise<Pair> {
    const indexes = Array.from({ length: options.endpoints }, (_, index) => index);
    const { gauges = {} } = options;
    const fakes = await Promise.all(
      indexes.map((index) => startFakeVllm({ name: `vllm-${index}`, host: endpointHost(index), gauges })),
    );
    const endpoints = fakes.map(({ name, address }, index) => ({
      name,
      address,
      labels: options.labels?.(index) ?? {},
    }));
    return Pair.over(programs, config, endpoints, fakes);
  }

  /** Starts both over model servers that run already; those that are given as fakes end with the pair. */
  static async over(
    programs: readonly [EppProgram, EppProgram],
    config: ConfigParts,
    endpoints: readonly FileEndpoint[],
    fakes: readonly FakeVllm[] = [],
  ): Promise<Pair> {
    const files = await EppFiles.create();
    await files.writeEndpoints(endpoints);
    const configFile = await files.writeConfig(pickerConfig(config, files.endpointsFile));
    const flags = ["--emit-endpoint-scores", ...(config.experimental ? ["--allow-experimental-plugins"] : [])];
    const started = await Promise.allSettled(programs.map((program) => startEpp(program, { configFile, flags })));
    const epps = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const pair = new Pair(fakes, files, epps);
    const failed = started.find((one) => one.status === "rejected");
    if (failed !== undefined) {
      await pair.stop();
      throw failed.reason;
    }
    await pair.settle();
    return pair;
  }

  get addresses(): string[] {
    return this.fakes.map(({ address }) => address);
  }

  /** Waits until both have seen the gauges. */
  settle(ms = SETTLE_MS): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Lets both route the same request. */
  async route(request: GatewayRequest): Promise<HeldRequest> {
    const [ours, theirs] = await Promise.all(this.#clients.map((client) => client.route(request)));
    const streams = [ours!.stream, theirs!.stream];
    return {
      ours: ours!.routing,
      theirs: theirs!.routing,
      begin: () => each(streams, [ours!.routing, theirs!.routing], (stream) => stream.beginResponse()),
      respond: () => each(streams, [ours!.routing, theirs!.routing], (stream) => stream.respond()),
      abort: () => each(streams, [ours!.routing, theirs!.routing], (stream) => stream.abort()),
    };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(this.#epps.map(({ program }) => program.stop("SIGKILL")));
    await Promise.all(this.fakes.map((fake) => fake.stop()));
    await this.#files.remove();
  }
}

async function each(
  streams: readonly GatewayStream[],
  routings: readonly Routing[],
  end: (stream: GatewayStream) => unknown,
): Promise<void> {
  await Promise.all(
    streams.map((stream, index) => {
      // What was answered at once has no response.
      if (routings[index]?.destination === undefined) return stream.finish();
      return end(stream);
    }),
  );
}
