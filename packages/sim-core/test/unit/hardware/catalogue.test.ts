import { describe, expect, it } from "vitest";
import { ACCELERATORS, acceleratorNamed } from "../../../src/hardware/catalogue.ts";

describe("accelerator catalogue", () => {
  it("gives every number a source and a confidence", () => {
    expect(ACCELERATORS.length).toBe(21);
    for (const accelerator of ACCELERATORS) {
      const { peakFlopsPerSecond: peak, deviceLink, hostLinkBytesPerSecond: host } = accelerator;
      const { memoryMib, memoryBytesPerSecond, nicBytesPerSecond, peakWatts, idleWatts, pricePerHourUsd } = accelerator;
      const quantities = [
        peak.bfloat16,
        peak.fp8,
        peak.fp4,
        memoryMib,
        memoryBytesPerSecond,
        deviceLink.bytesPerSecond,
      ];
      quantities.push(host, nicBytesPerSecond, peakWatts, idleWatts, pricePerHourUsd);
      for (const quantity of quantities) {
        if (quantity === undefined) continue;
        expect(quantity.value, accelerator.id).toBeGreaterThan(0);
        expect(quantity.source.length).toBeGreaterThan(5);
        expect(["measured", "fitted", "datasheet", "assumed"]).toContain(quantity.confidence);
      }
      expect(idleWatts.value).toBeLessThan(peakWatts.value);
    }
  });

  it("never says the same name for two devices", () => {
    const names = ACCELERATORS.flatMap(({ id, aliases }) => [id, ...aliases]).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
  });

  it("finds a device by alias, ignoring case, in base units", () => {
    const h100 = acceleratorNamed("H100");
    expect(h100.id).toBe("h100-sxm");
    expect(h100.peakFlopsPerSecond.bfloat16.value).toBe(989.4e12);
    expect(h100.memoryBytesPerSecond.value).toBe(3.35e12);
    expect(acceleratorNamed("NVIDIA-L40S").peakFlopsPerSecond.fp4).toBeUndefined();
    expect(acceleratorNamed("rtx-pro-6000").memoryBytesPerSecond.value).toBe(1.792e12);
    expect(acceleratorNamed("rtx-pro-6000-server").memoryBytesPerSecond.value).toBe(1.597e12);
  });

  it("names the nearest device for an unknown one", () => {
    expect(() => acceleratorNamed("h100-smx")).toThrow(
      /^unknown accelerator "h100-smx" \(did you mean "h100-sxm"\?\); known: a100-sxm-80gb, h100-sxm/,
    );
  });
});
