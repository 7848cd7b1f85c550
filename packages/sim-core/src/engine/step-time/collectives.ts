import type { Accelerator } from "../../hardware/accelerator.ts";
import { ALL_REDUCE_AXIS } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf, PCIE_ALL_REDUCE } from "../../hardware/efficiency/efficiency-of.ts";
import { exp, log, log2 } from "../../kernel/math.ts";

const ASSUMED_LATENCY_US = 10;
const ELEMENT_BYTES = 2;

/** Time of an all-reduce of so many two-byte elements. */
export type AllReduceTime = (elements: number) => number;

/**
 * All-reduce over `ranks` devices: the measured table of the device or, over PCIe, of L40S scaled by the link. Where
 * there is none (`assumed`), latency + 2 (n - 1) / n x bytes / link bandwidth, of a ring.
 */
export function allReduceTime(accelerator: Accelerator, ranks: number): AllReduceTime {
  if (ranks === 1) return () => 0;
  const linkBytesPerUs = accelerator.deviceLink.bytesPerSecond.value / 1e6;
  const { efficiencies, measuredOn } = efficiencyOf(accelerator);
  const sameLink = accelerator.vendor === "nvidia" && accelerator.deviceLink.kind === "NVLink";
  const own = measuredOn === accelerator.id || sameLink ? efficiencies.allReduceUs?.[ranks] : undefined;
  if (own !== undefined) return interpolated(own, 1);
  const overPcie = accelerator.deviceLink.kind === "PCIe" ? PCIE_ALL_REDUCE.us[ranks] : undefined;
  if (overPcie !== undefined) return interpolated(overPcie, PCIE_ALL_REDUCE.linkBytesPerUs / linkBytesPerUs);
  const withinDomain = ranks <= accelerator.deviceLink.domainDevices;
  const bytesPerUs = withinDomain ? linkBytesPerUs : accelerator.nicBytesPerSecond.value / 1e6;
  const perElementUs = (2 * (ranks - 1) * ELEMENT_BYTES) / ranks / bytesPerUs;
  return (elements) => ASSUMED_LATENCY_US + elements * perElementUs;
}

/** Interpolates the logarithm of the time between sizes; in proportion to the size beyond the last. */
function interpolated(us: readonly number[], scale: number): AllReduceTime {
  const first = ALL_REDUCE_AXIS[0]!;
  const logs = us.map((time) => log(time * scale));
  const last = logs.length - 1;
  return (elements) => {
    const x = Math.max(0, log2(Math.max(1, elements)) - first);
    if (x >= last) return us[last]! * scale * (elements / 2 ** (first + last));
    const i = Math.floor(x);
    return exp(logs[i]! + (logs[i + 1]! - logs[i]!) * (x - i));
  };
}
