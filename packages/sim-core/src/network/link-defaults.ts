import type { Quantity } from "../hardware/accelerator.ts";

const assumed = (value: number, source: string): Quantity => ({ value, source, confidence: "assumed" });

/** From the first byte sent to the first received, by what a path crosses. */
export interface LevelLatencies {
  readonly withinNodeUs: number;
  readonly betweenNodesUs: number;
  readonly betweenRacksUs: number;
  readonly betweenZonesUs: number;
}

export const DEFAULT_LATENCIES: LevelLatencies = {
  withinNodeUs: 10,
  betweenNodesUs: 10,
  betweenRacksUs: 10,
  betweenZonesUs: 1000,
};

/** Of the device's host link, what copies between DRAM and HBM reach. */
export const HOST_LINK_FRACTION = assumed(0.8, "0.8 of the host link reaches memory");
/** Of a link, what NIXL's transfers of KV blocks reach. */
export const NIXL_FRACTION = assumed(0.8, "NIXL's transfers reach 0.8 of a link");
/** Where no figure is published for a device's own host link. */
export const HOST_LINK = assumed(32e9, "PCIe 4.0 x16, as none is published");

export const NVME_READ = assumed(7e9, "one PCIe 4.0 x4 drive");
export const NVME_WRITE = assumed(5e9, "one PCIe 4.0 x4 drive");
export const NVME_LATENCY_US = 100;

export const STORE = assumed(10e9, "network store, of one node");
export const STORE_LATENCY_US = 500;
