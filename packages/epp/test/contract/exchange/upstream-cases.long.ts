import { afterAll, describe, expect, it } from "vitest";
import { type FakeVllm, startFakeVllm } from "../../../src/demo/fake-vllm.ts";
import { EnvoyClient } from "../../support/envoy-client.ts";
import { EppFiles, GO_EPP_SKIP, goEpp, type RunningEpp, startEpp } from "../../support/epp-program.ts";
import { type ContractCase, contractCases } from "./case-format.ts";
import { playCase } from "./case-player.ts";
import { GrpcPeer } from "./grpc-peer.ts";

/** Five scrapes and more: it has seen the gauges. */
const SETTLE_MS = 400;
const ANSWER_WITHIN_MS = 1500;
const program = goEpp();

/** Upstream's picker over the model servers of some cases. */
class Upstream {
  readonly #fakes: readonly FakeVllm[];
  readonly #files: EppFiles;
  readonly #epp: RunningEpp;
  readonly #client: EnvoyClient;
  readonly #addresses: ReadonlyMap<string, string>;

  private constructor(fakes: readonly FakeVllm[], files: EppFiles, epp: RunningEpp, wanted: readonly string[]) {
    this.#fakes = fakes;
    this.#files = files;
    this.#epp = epp;
    this.#client = new EnvoyClient(`127.0.0.1:${epp.grpcPort}`);
    this.#addresses = new Map(wanted.map((address, index) => [address, fakes[index]!.address]));
  }

  static async start({ endpoints, configuration = {}, options = {} }: ContractCase): Promise<Upstream> {
    const fakes = await Promise.all(
      endpoints.map(({ address, waiting = 0, running = 0, kvUsageFraction = 0, lora }, index) => {
        const adapters = lora === undefined ? {} : { lora: { ...lora, max: lora.maxActive } };
        const gauges = { waiting, running, kvUsageFraction, ...adapters };
        return startFakeVllm({ name: `pod-${index}`, host: hostOf(address), gauges });
      }),
    );
    const files = await EppFiles.create();
    await files.writeEndpoints(
      fakes.map(({ name, address }, index) => ({ name, address, labels: endpoints[index]!.labels ?? {} })),
    );
    const discovery = { type: "file-discovery", parameters: { path: files.endpointsFile } };
    const document = {
      apiVersion: "llm-d.ai/v1alpha1",
      kind: "EndpointPickerConfig",
      ...configuration,
      plugins: [discovery, ...(configuration.plugins ?? [])],
      dataLayer: { discovery: { pluginRef: "file-discovery" } },
    };
    const configFile = await files.writeConfig(JSON.stringify(document));
    const flags = [
      ...(options.emitEndpointScores ? ["--emit-endpoint-scores"] : []),
      ...(options.ignoreSubset ? ["--disable-endpoint-subset-filter"] : []),
    ];
    const epp = await startEpp(program!, { configFile, flags });
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const wanted = endpoints.map(({ address }) => address);
    return new Upstream(fakes, files, epp, wanted);
  }

  play(one: ContractCase): Promise<string | undefined> {
    let text = JSON.stringify(one);
    for (const [wanted, real] of this.#addresses) text = text.replaceAll(wanted, real);
    const here = JSON.parse(text.replaceAll(/192\.168\.1\.(\d+)/g, "127.0.3.$1")) as ContractCase;
    return playCase(here, new GrpcPeer(this.#client.open(), ANSWER_WITHIN_MS));
  }

  async stop(): Promise<void> {
    this.#client.close();
    await this.#epp.program.stop("SIGKILL");
    await Promise.all(this.#fakes.map((fake) => fake.stop()));
    await this.#files.remove();
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace("192.168.1.", "127.0.3.");
}

/** Cases that ask the same of a picker share one. */
function keyOf({ endpoints, configuration, options }: ContractCase): string {
  return JSON.stringify({ endpoints, configuration, options });
}

const comparable = contractCases()
  .flatMap(({ cases }) => cases)
  .filter((one) => one.skip === undefined && !(one.upstream !== undefined && "notCompared" in one.upstream));
const inGroups = comparable.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));

describe.skipIf(program === undefined)(`upstream's picker${program === undefined ? ` (${GO_EPP_SKIP})` : ""}`, () => {
  let running: { readonly key: string; readonly upstream: Promise<Upstream> } | undefined;
  const upstreamOf = async (one: ContractCase): Promise<Upstream> => {
    const key = keyOf(one);
    if (running?.key !== key) {
      await (await running?.upstream)?.stop();
      running = { key, upstream: Upstream.start(one) };
    }
    return running.upstream;
  };
  afterAll(async () => (await running?.upstream)?.stop());

  for (const one of inGroups) {
    const differs = one.upstream !== undefined && "differs" in one.upstream ? one.upstream.differs : undefined;
    it(`${one.name}: ${differs ?? "the same"}`, async () => {
      const difference = await (await upstreamOf(one)).play(one);
      if (differs === undefined) expect(difference).toBeUndefined();
      else expect(difference).toBeDefined();
    });
  }
});
