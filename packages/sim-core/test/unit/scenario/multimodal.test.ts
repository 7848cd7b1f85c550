import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { generateWorkload } from "../../../src/scenario/generate-workload.ts";
import { loadScenario } from "../../../src/scenario/load.ts";
import { resolveScenario } from "../../../src/scenario/resolve.ts";
import { encodeConfig } from "../../support/encode-pods.ts";

interface Given {
  readonly model?: string;
  readonly encode?: string;
  readonly decode?: string;
  readonly items?: boolean;
}

function resolve({ model = "Qwen/Qwen3-VL-8B-Instruct", encode = "", decode = "", items = true }: Given = {}) {
  const text = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: images }
spec:
  workload:
    synthetic:
      arrivals: { process: poisson, rate: 5 }
      count: 10
      promptTokens: 100
      outputTokens: 20
      ${items ? "multimodal: { tokensPerItem: 1000 }" : ""}
  model: ${model}
  pools:
    - { name: encode, replicas: 1, accelerator: h100-sxm, labels: { llm-d.ai/role: encode }${encode} }
    - { name: decode, replicas: 1, accelerator: h100-sxm, labels: { llm-d.ai/role: decode }${decode} }
`;
  const loaded = loadScenario(text, { file: "images.yaml" });
  return resolveScenario(loaded, {
    workload: generateWorkload(loaded.scenario)!,
    model: modelNamed(loaded.scenario.spec.model),
    router: loadEndpointPickerConfig(encodeConfig(false), { file: "router.yaml" }),
  });
}

describe("a scenario with images", () => {
  it("has an encoder in each pool, and its weights beside the model's", () => {
    const [encode, decode] = resolve().input.pools;
    const text = resolve({ items: false }).input;
    expect(encode!.encoder!.encodeStepUs).toBe(1_000);
    expect(decode!.encoder!.encodeStepUs).toBeUndefined();
    expect(text.pools[1]!.encoder).toBeUndefined();
    // 572 million weights of two bytes; a block of 16 tokens is 36 layers x 2 x 8 heads x 128 x 2 bytes x 16.
    const lost = (572_387_328 * 2) / (36 * 2 * 8 * 128 * 2 * 16);
    expect(Math.abs(text.pools[1]!.numGpuBlocks - decode!.numGpuBlocks - lost)).toBeLessThan(1);
    expect(resolve().input.disaggregation!.embeddingBytesPerToken).toBe(32_768);
    expect(text.disaggregation).not.toHaveProperty("embeddingBytesPerToken");
  });

  it("may have encode pods without the language model, whose memory is for embeddings", () => {
    const { input, document } = resolve({ encode: ", engine: { mmEncoderOnly: true, encodePerItem: 20ms }" });
    const [encode] = input.pools;
    expect(encode).toMatchObject({ encoderOnly: true });
    expect(encode!.encoder!.encodeUs(3, 3_000, 3e6)).toBe(60_000);
    // 81,559 MiB x 0.9 less 3.4 GiB and the weights, over 16 embeddings of 32 KiB.
    const room = 81_559 * 2 ** 20 * 0.9 - Math.round(3.4 * 2 ** 30) - 2 * 572_387_328;
    expect(encode!.numGpuBlocks).toBe(Math.floor(room / (16 * 32_768)));
    const pools = (document() as { spec: { pools: { engine: object }[] } }).spec.pools;
    expect(pools[0]!.engine).toMatchObject({ mmEncoderOnly: true, encodePerItem: "20ms" });
  });

  it.each<[string, Given, string]>([
    [
      "a model that does not say how it sees",
      { model: "Qwen/Qwen3-8B" },
      'images.yaml:14:7: pool "encode" needs engine.encodePerItem: the workload has images, audio or video, and the config.json of Qwen/Qwen3-8B has no vision_config',
    ],
    [
      "a pod without the language model that is to decode",
      { decode: ", engine: { mmEncoderOnly: true }" },
      'images.yaml:15:7: pool "decode" has engine.mmEncoderOnly, which needs labels: { llm-d.ai/role: encode }',
    ],
    [
      "an encode pod with tiers",
      { encode: ", kvTiers: [{ tier: host-dram, capacity: 10GiB }]" },
      'images.yaml:14:7: pool "encode" has role encode and kvTiers',
    ],
  ])("refuses %s", (_name, given, message) => {
    expect(() => resolve(given)).toThrow(message);
  });

  it("takes what the scenario says where the model does not", () => {
    const engine = ", engine: { encodePerItem: 7ms }";
    const { input } = resolve({ model: "Qwen/Qwen3-8B", encode: engine, decode: engine });
    expect(input.pools.map(({ encoder }) => encoder!.encodeUs(2, 9, 9))).toEqual([14_000, 14_000]);
    expect(input.disaggregation!.embeddingBytesPerToken).toBe(2 * 4_096);
  });
});
