import type { Accelerator } from "../../hardware/accelerator.ts";
import type { WeightFormat } from "../../model/architecture.ts";
import { WEIGHT_BYTES } from "../../model/parameters.ts";

/** A device's peaks per microsecond. */
export interface DevicePeaks {
  readonly bfloat16FlopsPerUs: number;
  readonly fp8FlopsPerUs: number | undefined;
  readonly fp4FlopsPerUs: number | undefined;
  readonly bytesPerUs: number;
}

/** The peaks of a catalogue entry. */
export function devicePeaks({ peakFlopsPerSecond: peak, memoryBytesPerSecond }: Accelerator): DevicePeaks {
  return {
    bfloat16FlopsPerUs: peak.bfloat16.value / 1e6,
    fp8FlopsPerUs: peak.fp8 === undefined ? undefined : peak.fp8.value / 1e6,
    fp4FlopsPerUs: peak.fp4 === undefined ? undefined : peak.fp4.value / 1e6,
    bytesPerUs: memoryBytesPerSecond.value / 1e6,
  };
}

/** How a linear layer of a weight format runs on a device. */
export interface LinearFormat {
  /** The format that it computes in: the weights' own, or BF16 for weights that are only stored small. */
  readonly compute: WeightFormat;
  readonly flopsPerUs: number;
  readonly weightBytes: number;
  readonly activationBytes: number;
}

/** A format without a peak on the device is weight-only: read small, computed in BF16. */
export function linearFormat(peaks: DevicePeaks, format: WeightFormat): LinearFormat {
  const weightBytes = WEIGHT_BYTES[format];
  if ((format === "fp8" || format === "fp8_block") && peaks.fp8FlopsPerUs !== undefined) {
    return { compute: format, flopsPerUs: peaks.fp8FlopsPerUs, weightBytes, activationBytes: 1 };
  }
  if (format === "nvfp4" && peaks.fp4FlopsPerUs !== undefined) {
    return { compute: format, flopsPerUs: peaks.fp4FlopsPerUs, weightBytes, activationBytes: 0.5 };
  }
  return { compute: "bfloat16", flopsPerUs: peaks.bfloat16FlopsPerUs, weightBytes, activationBytes: 2 };
}
