import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from "../../src/demo/envoy.ts";
import { EnvoyUnavailable, envoyBinary } from "../../src/demo/envoy-binary.ts";
import { type FakeVllm, type FakeVllmOptions, startFakeVllm } from "../../src/demo/fake-vllm.ts";
import { type ConfigOverFile, configOverFile } from "./config-over-file.ts";
import { EnvoyClient } from "./envoy-client.ts";
import { EppFiles, type EppOptions, type EppProgram, goEpp, ourEpp, type RunningEpp, startEpp } from "./epp-program.ts";

/** The Endpoint Picker that the tests behind Envoy run: ours, or upstream's, to try the tests themselves. */
export function eppUnderTest(): EppProgram {
  return process.env.WINDTUNNEL_E2E_EPP === "go" ? goEpp()! : ourEpp();
}

/** A path to Envoy, or why there is none. */
export async function envoyOrSkip(): Promise<{ readonly binary: string } | { readonly skip: string }> {
  try {
    return { binary: await envoyBinary() };
  } catch (error) {
    if (error instanceof EnvoyUnavailable) return { skip: error.message };
    throw error;
  }
}

/** Counts requests in flight per endpoint, and nothing else: scores of 1 everywhere say that nothing is in flight. */
const ROUTING: ConfigOverFile = {
  plugins: [
    { type: "active-request-scorer" },
    { type: "max-score-picker" },
    { type: "destination-endpoint-served-verifier" },
  ],
  schedulingProfiles: [
    {
      name: "default",
      plugins: [{ pluginRef: "active-request-scorer", weight: 1 }, { pluginRef: "max-score-picker" }],
    },
  ],
};

/** Model servers, an Endpoint Picker's files, and whatever is started over them; all ends together. */
export class Loopback {
  readonly fakes: FakeVllm[] = [];
  readonly files: EppFiles;
  readonly #stops: (() => Promise<unknown>)[] = [];

  private constructor(files: EppFiles) {
    this.files = files;
  }

  static async start(count: number, options: Partial<FakeVllmOptions> = {}): Promise<Loopback> {
    const loopback = new Loopback(await EppFiles.create());
    for (let index = 0; index < count; index++) await loopback.addFake(options);
    await loopback.announce();
    return loopback;
  }

  get addresses(): string[] {
    return this.fakes.map(({ address }) => address);
  }

  async addFake(options: Partial<FakeVllmOptions> = {}): Promise<FakeVllm> {
    const index = this.fakes.length;
    const fake = await startFakeVllm({ name: `vllm-${index}`, host: `127.0.2.${index + 1}`, ...options });
    this.fakes.push(fake);
    return fake;
  }

  /** Writes the endpoint file. */
  announce(endpoints: readonly FakeVllm[] = this.fakes): Promise<void> {
    return this.files.writeEndpoints(endpoints.map(({ name, address }) => ({ name, address })));
  }

  async epp(program: EppProgram, options: Partial<EppOptions> = {}): Promise<RunningEpp> {
    const configFile = await this.files.writeConfig(configOverFile(this.files.endpointsFile, ROUTING));
    const running = await startEpp(program, { configFile, ...options });
    this.#stops.push(() => running.program.stop("SIGKILL"));
    return running;
  }

  async envoy(options: EnvoyOptions): Promise<RunningEnvoy> {
    const envoy = await startEnvoy(options);
    this.#stops.push(() => envoy.stop());
    return envoy;
  }

  /** Requests in flight as the Endpoint Picker counts them: how many endpoints have any. It must emit scores. */
  async busyEndpoints(epp: RunningEpp): Promise<number> {
    const client = new EnvoyClient(`127.0.0.1:${epp.grpcPort}`);
    try {
      const { routing, stream } = await client.route({ body: { model: "m", prompt: "probe" } });
      if (routing.scores === undefined) throw new Error(`no scores: ${JSON.stringify(routing)}`);
      await stream.respond();
      return Object.values(routing.scores).filter((score) => score < 1).length;
    } finally {
      client.close();
    }
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.toReversed()) await stop();
    await Promise.all(this.fakes.map((fake) => fake.stop()));
    await this.files.remove();
  }
}

/** Waits until the probe holds. @throws Error when it does not in time */
export async function eventually(
  what: string,
  probe: () => Promise<boolean> | boolean,
  withinMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
