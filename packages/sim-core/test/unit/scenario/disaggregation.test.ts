import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { summarise } from "../../../src/metrics/summarise.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { generateWorkload } from "../../../src/scenario/generate-workload.ts";
import { loadScenario } from "../../../src/scenario/load.ts";
import { resolveScenario } from "../../../src/scenario/resolve.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { ALWAYS_DISAGGREGATE } from "../../support/two-pods.ts";

const scenario = (more = "", decode = "", count = 20) => `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: prefill-decode }
spec:
  workload:
    synthetic:
      name: fixed
      arrivals: { process: poisson, rate: 60 }
      count: ${count}
      promptTokens: { distribution: fixed, tokens: 2048 }
      outputTokens: { distribution: fixed, tokens: 256 }
  model: meta-llama/Llama-3.1-8B
  pools:
    - { name: prefill, replicas: 8, accelerator: h100-sxm, labels: { llm-d.ai/role: prefill } }
    - { name: decode, replicas: 8, accelerator: h100-sxm, labels: { llm-d.ai/role: decode }${decode} }
${more}`;

function resolve(text: string, router: string = ALWAYS_DISAGGREGATE) {
  const loaded = loadScenario(text, { file: "pd.yaml" });
  const { spec } = loaded.scenario;
  return resolveScenario(loaded, {
    workload: generateWorkload(loaded.scenario)!,
    model: modelNamed(spec.model),
    router: loadEndpointPickerConfig(router, { file: "router.yaml" }),
  });
}

describe("spec.disaggregation", () => {
  it("has llm-d's defaults where only the router has several stages, and shows them", () => {
    const { input, document } = resolve(scenario());
    expect(input.disaggregation).toEqual({
      transfer: "pull",
      overlapLayers: 1,
      kvBytesPerToken: 131_072,
      stateBytes: 0,
      setUpUs: 1_000,
      sidecarLegUs: 2_000,
      prefillFailureFraction: 0,
      prefillMaxRetries: 0,
      prefillRetryBackoffUs: 200_000,
      holdTimeoutUs: 480_000_000,
    });
    expect(document()).toMatchObject({
      spec: { disaggregation: { transfer: "pull", setUp: "1ms", sidecarLeg: "2ms", holdTimeout: "480s" } },
    });
  });

  it("sends windows too, by their mean in a sequence, in the format that a model's kernels read", () => {
    const bytes = (model: string) => {
      const text = scenario()
        .replace("meta-llama/Llama-3.1-8B", model)
        .replaceAll("h100-sxm,", "h100-sxm, tensorParallel: 8,");
      return resolve(text).input.disaggregation?.kvBytesPerToken;
    };
    // 18 layers of 2,048 bytes a token, and 18 windows of 128 in 2,048 + 256 tokens.
    expect(bytes("openai/gpt-oss-120b")).toBe(36_864 * (1 + 128 / 2304));
    // FP8 unless told: 584 bytes of a row.
    expect(bytes("deepseek-ai/DeepSeek-V4-Flash")).toBeCloseTo(3850.25 + 15_420_416 / 2304, 6);
  });

  it("sends the state of linear layers with each request, whatever its length", () => {
    const text = scenario("", "", 1)
      .replace("meta-llama/Llama-3.1-8B", "Qwen/Qwen3.5-35B-A3B")
      .replaceAll("h100-sxm,", "h100-sxm, tensorParallel: 8,");
    const { input } = resolve(text);
    // 10 full layers of 2 x 2 heads of 256 in two bytes; 30 states of 32 x 128 x 128 in FP32 with three inputs of 8,192 channels.
    const stateBytes = 30 * (32 * 128 * 128 * 4 + 3 * 8192 * 2);
    expect(stateBytes).toBe(64_389_120);
    expect(input.disaggregation).toMatchObject({ kvBytesPerToken: 20_480, stateBytes });
    const { transferredBytes } = simulate(input).requests.disaggregation!;
    expect([...transferredBytes]).toEqual([2048 * 20_480 + 64_389_120]);
  });

  it("is not there for a router of one stage", () => {
    const { input, document } = resolve(scenario(), presetText("least-connections"));
    expect(input.disaggregation).toBeUndefined();
    expect(input.network).toBeUndefined();
    expect((document() as { spec: object }).spec).not.toHaveProperty("disaggregation");
  });

  it("takes what is given", () => {
    const text = scenario(
      "  disaggregation: { transfer: push, perLayerOverlap: true, setUp: 500us, prefillMaxRetries: 3 }",
    );
    expect(resolve(text).input.disaggregation).toMatchObject({
      transfer: "push",
      overlapLayers: 32,
      setUpUs: 500,
      prefillMaxRetries: 3,
    });
  });

  it("knows no layers of a pull", () => {
    const text = scenario("  disaggregation: { perLayerOverlap: true }");
    expect(() => resolve(text)).toThrow(/^pd\.yaml:16:\d+: .*needs transfer: push/);
  });

  it("refuses pods whose blocks do not fit into each other, with where", () => {
    expect(() => resolve(scenario("", ", engine: { blockSizeTokens: 32 }"))).toThrow(
      /^pd\.yaml:15:\d+: blockSizeTokens 32 of pool "decode" is not that of pool "prefill", 16; /,
    );
    expect(() => resolve(scenario("", ", engine: { kvCacheDtype: fp8 }"))).toThrow(/kvCacheDtype fp8 of pool "decode"/);
  });

  it("lets devices and layouts differ", () => {
    const text = scenario().replace(
      "replicas: 8, accelerator: h100-sxm, labels: { llm-d.ai/role: prefill }",
      "replicas: 2, accelerator: l40s, tensorParallel: 2, labels: { llm-d.ai/role: prefill }",
    );
    const { requests } = simulate(resolve(text).input);
    expect(requests.disaggregation!.transferredBytes.every((bytes) => bytes === 2048 * 131_072)).toBe(true);
  });
});

describe("eight prefill pods and eight decode pods of Llama-3.1-8B on H100", () => {
  it("serve 60 requests of 2048 and 256 tokens a second: nothing dropped, each KV cache moved", () => {
    const { input, hardware } = resolve(scenario("", "", 20_000));
    const result = simulate(input);
    const facts = { version: "0", scenario: "pd", policy: "pd", inputs: [], input, hardware };
    const { fleet } = summarise(facts, result);
    expect(fleet.requests).toMatchObject({ total: 20_000, completed: 20_000 });
    expect(fleet.disaggregation).toEqual({
      prefilledElsewhere: 20_000,
      transferredBytes: 20_000 * 2048 * 131_072,
      prefillFailures: 0,
      holdTimeouts: 0,
    });
    // Offered: what arrives, over the time in which it does.
    const { arrivalUs } = result.requests;
    const offeredPerSecond = (20_000 * 256 * 1e6) / (arrivalUs[19_999]! - arrivalUs[0]!);
    expect(fleet.outputTokensPerSecond! / offeredPerSecond).toBeGreaterThanOrEqual(0.98);
    // 2048 tokens of 128 KiB at 0.8 of the NIC's 50 GB/s, 1 ms of set-up, 10 us of latency; no less when it is shared.
    const leastUs = (2048 * 131_072) / (0.8 * 50e3) + 1_000 + 10;
    const { transferStartUs, transferEndUs } = result.requests.disaggregation!;
    const shortestUs = transferEndUs.reduce((least, us, row) => Math.min(least, us - transferStartUs[row]!), Infinity);
    expect(shortestUs).toBe(Math.ceil(leastUs));
  });
});
