import { describe, expect, it } from "vitest";
import { adapterBytes, adapterBytesPerGpu } from "../../../src/model/adapter-size.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";

const layout = (tensor = 1, stageFraction = 1, data = 1) => ({ tensor, stageFraction, data });

describe("bytes of an adapter", () => {
  it("are rank x (inputs + outputs) of every linear layer, in BF16", () => {
    const llama = modelNamed("meta-llama/Llama-3.1-8B");
    // Of a layer: q and o 8192 each, k and v 5120 each, gate, up and down 18,432 each; 41,943,040 numbers at rank 16.
    const perRank = 32 * (2 * 8192 + 2 * 5120 + 3 * 18_432);
    expect(adapterBytes(llama, 16)).toBe(2 * 16 * perRank);
    expect(adapterBytes(llama, 16)).toBe(83_886_080);
    expect(adapterBytesPerGpu(llama, 16, layout())).toBe(83_886_080);
  });

  it("are cut on one side of each layer by tensor parallelism, and by stages", () => {
    const llama = modelNamed("meta-llama/Llama-3.1-8B");
    // Whole: inputs of q, k, v, gate and up, outputs of o and down: 4096 each; halved: the other sides.
    const whole = 7 * 4096;
    const cut = 4096 + 1024 + 1024 + 4096 + 3 * 14_336;
    expect(whole + cut).toBe(2 * 8192 + 2 * 5120 + 3 * 18_432);
    expect(adapterBytesPerGpu(llama, 8, layout(2, 0.5))).toBe(2 * 8 * 16 * (whole + cut / 2));
  });

  it("count each routed expert, which data-parallel ranks share", () => {
    const qwen = modelNamed("Qwen/Qwen3-30B-A3B");
    // 128 experts in 48 layers, three matrices of 2048 + 768.
    const experts = 2 * 16 * 48 * 128 * 3 * (2048 + 768);
    const rest = adapterBytes(qwen, 16) - experts;
    // Heads of 128: 32 for queries, 4 for keys and for values.
    expect(rest).toBe(2 * 16 * 48 * (2 * (2048 + 4096) + 2 * (2048 + 512)));
    expect(adapterBytesPerGpu(qwen, 16, layout(1, 1, 2))).toBe(rest + experts / 2);
  });
});
