import { describe, expect, it } from "vitest";
import { createEncoderTime } from "../../../src/engine/step-time/encoder.ts";
import { ACCELERATORS, acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";

const { vision, hiddenSize } = modelNamed("Qwen3-VL-8B");
const encoder = (id: string, tensorParallel = 1) =>
  createEncoderTime({ accelerator: acceleratorNamed(id), vision: vision!, hiddenSize, tensorParallel });

/** FLOPs of an item: its linear layers, its patches' attention to one another, its projectors. */
function itemFlops(tokens: number): number {
  const patches = 4 * tokens;
  return 2 * patches * (411_070_464 + 884_736) + 4 * 1152 * patches * patches * 27 + 2 * tokens * 160_432_128;
}

describe("the time of encoding", () => {
  it.each(ACCELERATORS.map(({ id }) => id))("never beats the peak of %s", (id) => {
    const { encodeUs } = encoder(id);
    const flopsPerUs = acceleratorNamed(id).peakFlopsPerSecond.bfloat16.value / 1e6;
    for (const tokens of [1, 64, 1_000, 4_096, 20_000]) {
      expect(encodeUs(1, tokens, tokens * tokens)).toBeGreaterThanOrEqual(itemFlops(tokens) / flopsPerUs);
    }
  });

  it("is of the size of its FLOPs where there are many", () => {
    const ideal = itemFlops(4_096) / (acceleratorNamed("h100-sxm").peakFlopsPerSecond.bfloat16.value / 1e6);
    // 48 TFLOP: 49 ms at the peak of an H100, and encoders reach about two thirds of it.
    expect(ideal).toBeCloseTo(48_760, -3);
    expect(encoder("h100-sxm").encodeUs(1, 4_096, 4_096 ** 2)).toBeLessThan(2 * ideal);
  });

  it("is less for items together than one by one, and more for one long item than for short ones", () => {
    const { encodeUs } = encoder("h100-sxm");
    expect(encodeUs(0, 0, 0)).toBe(0);
    expect(encodeUs(8, 8 * 64, 8 * 64 ** 2)).toBeLessThan(0.6 * 8 * encodeUs(1, 64, 64 ** 2));
    expect(encodeUs(1, 8_000, 8_000 ** 2)).toBeGreaterThan(1.5 * encodeUs(8, 8_000, 8 * 1_000 ** 2));
  });

  it("is shorter on two devices, and longer than half of it", () => {
    const [one, two] = [encoder("h100-sxm"), encoder("h100-sxm", 2)].map(({ encodeUs }) => encodeUs(1, 4e3, 16e6));
    expect(two!).toBeLessThan(0.75 * one!);
    expect(two!).toBeGreaterThan(0.5 * one!);
  });
});
