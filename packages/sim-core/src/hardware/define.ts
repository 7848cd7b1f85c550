import type { Accelerator, Confidence, DeviceLink, Quantity } from "./accelerator.ts";

/** A catalogue number whose source differs from its row's: `[value, source, confidence]`. */
export type Sourced = readonly [value: number, source: string, confidence: Confidence];

/** A row of the catalogue in datasheet units; plain numbers come from `datasheet`. */
export interface AcceleratorRow {
  readonly id: string;
  readonly name: string;
  readonly vendor: Accelerator["vendor"];
  readonly aliases?: readonly string[];
  readonly datasheet: string;
  readonly bf16Tflops: number | Sourced;
  readonly fp8Tflops?: number | Sourced;
  readonly fp4Tflops?: number | Sourced;
  readonly memoryMib: number | Sourced;
  readonly memoryTBps: number | Sourced;
  readonly link: DeviceLink["kind"];
  readonly linkGBps: number | Sourced;
  readonly linkDomain?: number;
  readonly hostGBps?: number | Sourced;
  readonly nicGBps: number | Sourced;
  readonly watts: number | Sourced;
  /** On-demand price of one device for an hour, `PRICE_DATE`. */
  readonly usdPerHour: number;
}

/** When the prices were set down. */
const PRICE_DATE = "2026-06";
const PRICE_SOURCE = `typical on-demand cloud price, ${PRICE_DATE}; overridable`;
const IDLE_FRACTION = 0.15;

/** The catalogue entry of a row, in base units. */
export function defineAccelerator(row: AcceleratorRow): Accelerator {
  const quantity = (given: number | Sourced, unit: number): Quantity =>
    typeof given === "number"
      ? { value: given * unit, source: row.datasheet, confidence: "datasheet" }
      : { value: given[0] * unit, source: given[1], confidence: given[2] };
  const watts = quantity(row.watts, 1);
  return {
    id: row.id,
    name: row.name,
    vendor: row.vendor,
    aliases: row.aliases ?? [],
    peakFlopsPerSecond: {
      bfloat16: quantity(row.bf16Tflops, 1e12),
      ...(row.fp8Tflops === undefined ? {} : { fp8: quantity(row.fp8Tflops, 1e12) }),
      ...(row.fp4Tflops === undefined ? {} : { fp4: quantity(row.fp4Tflops, 1e12) }),
    },
    memoryMib: quantity(row.memoryMib, 1),
    memoryBytesPerSecond: quantity(row.memoryTBps, 1e12),
    deviceLink: { kind: row.link, bytesPerSecond: quantity(row.linkGBps, 1e9), domainDevices: row.linkDomain ?? 8 },
    ...(row.hostGBps === undefined ? {} : { hostLinkBytesPerSecond: quantity(row.hostGBps, 1e9) }),
    nicBytesPerSecond: quantity(row.nicGBps, 1e9),
    peakWatts: watts,
    idleWatts: {
      value: Math.round(watts.value * IDLE_FRACTION),
      source: `${IDLE_FRACTION} of the board power`,
      confidence: "assumed",
    },
    pricePerHourUsd: { value: row.usdPerHour, source: PRICE_SOURCE, confidence: "assumed" },
  };
}
