/** How sure a number of the catalogue is. */
export type Confidence = "measured" | "fitted" | "datasheet" | "assumed";

/** A number with where it comes from. */
export interface Quantity {
  readonly value: number;
  readonly source: string;
  readonly confidence: Confidence;
}

/** Number formats with a peak of their own; a device without one for a format stores it small and computes in BF16. */
interface PeakFlops {
  readonly bfloat16: Quantity;
  readonly fp8?: Quantity;
  readonly fp4?: Quantity;
}

/** A device type that serves models: peaks, memory, links, power and price of one device. */
export interface Accelerator {
  readonly id: string;
  readonly name: string;
  readonly vendor: "nvidia" | "amd" | "intel" | "google";
  readonly aliases: readonly string[];
  /** Dense (not sparse) matrix peaks. */
  readonly peakFlopsPerSecond: PeakFlops;
  /** As the driver reports it. */
  readonly memoryMib: Quantity;
  readonly memoryBytesPerSecond: Quantity;
  readonly deviceLink: DeviceLink;
  /** Absent where the host is on the same board and no figure is published. */
  readonly hostLinkBytesPerSecond?: Quantity;
  /** Network bandwidth of the node for each device. */
  readonly nicBytesPerSecond: Quantity;
  readonly peakWatts: Quantity;
  readonly idleWatts: Quantity;
  readonly pricePerHourUsd: Quantity;
}

/** The link between devices of one node or rack, per direction. */
export interface DeviceLink {
  readonly kind: "NVLink" | "PCIe" | "Infinity Fabric" | "RoCE" | "ICI";
  readonly bytesPerSecond: Quantity;
  /** Devices that reach each other over it. */
  readonly domainDevices: number;
}

/** Bytes of a device's memory. */
export function memoryBytes(accelerator: Accelerator): number {
  return accelerator.memoryMib.value * 2 ** 20;
}
