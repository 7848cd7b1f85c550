import { touchedExperts } from "./ideal.ts";
import type { RooflineOptions } from "./options.ts";

/** Of a message to every other rank. */
const LATENCY_US = 20;
/**
 * Of the link and of the NIC. DeepEP's README gives 153 of 160 GB/s over NVLink, and 43 to 46 of 50 GB/s over the network
 * at 128 tokens a rank and 64 ranks.
 */
const BANDWIDTH_FRACTION = 0.88;
const RETURNED_BYTES = 2;

/**
 * Dispatch and combine of one layer of experts over the devices of all data-parallel ranks. A token goes once to each
 * expert rank that has one of its experts, E ranks hit of k draws: r (1 - (1 - 1/r)^k); where experts are sliced, to every
 * device of the slice. There it travels in the experts' input format, back in BF16. Devices beyond the link's domain are
 * reached over the NIC; both ways at once, the slower decides. No time with a single data-parallel rank: there the experts'
 * outputs are all-reduced.
 */
export function allToAllTime(options: RooflineOptions, activationBytes: number): (tokens: number) => number {
  const { accelerator, tensorParallel, dataParallel = 1, expertParallel = 1, expertSkew = 1 } = options;
  const { moe } = options.model;
  if (moe === undefined || dataParallel === 1) return () => 0;
  const devices = tensorParallel * dataParallel;
  const { deviceLink, nicBytesPerSecond } = accelerator;
  const copies = touchedExperts(expertParallel, 1, moe.topK) * (devices / expertParallel);
  const tokenBytes = moe.width * (Math.max(1, activationBytes) + RETURNED_BYTES);
  const nearDevices = Math.min(devices, deviceLink.domainDevices);
  const linkBytesPerUs = (deviceLink.bytesPerSecond.value / 1e6) * BANDWIDTH_FRACTION;
  const nicBytesPerUs = (nicBytesPerSecond.value / 1e6) * BANDWIDTH_FRACTION;
  const perCopyUs = Math.max(
    (nearDevices - 1) / devices / linkBytesPerUs,
    (devices - nearDevices) / devices / nicBytesPerUs,
  );
  const skew = expertParallel === 1 ? 1 : expertSkew;
  const perTokenUs = (skew * copies * tokenBytes * perCopyUs) / tensorParallel;
  return (tokens) => 2 * LATENCY_US + tokens * perTokenUs;
}
