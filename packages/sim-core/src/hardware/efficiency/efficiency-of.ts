import type { Accelerator, Confidence } from "../accelerator.ts";
import { A100_SXM_80GB } from "./a100-sxm-80gb.ts";
import { B200_SXM } from "./b200-sxm.ts";
import { GB200 } from "./gb200.ts";
import { H100_SXM } from "./h100-sxm.ts";
import { H200_SXM } from "./h200-sxm.ts";
import { L40S } from "./l40s.ts";
import type { OperatorEfficiencies } from "./operator-efficiencies.ts";
import { RTX_PRO_6000_SERVER } from "./rtx-pro-6000-server.ts";

/** Devices whose kernels were measured. */
const MEASURED: ReadonlyMap<string, OperatorEfficiencies> = new Map([
  ["a100-sxm-80gb", A100_SXM_80GB],
  ["h100-sxm", H100_SXM],
  ["h200-sxm", H200_SXM],
  ["b200-sxm", B200_SXM],
  ["gb200", GB200],
  ["l40s", L40S],
  ["rtx-pro-6000-server", RTX_PRO_6000_SERVER],
]);

/** For each other device the measured one that is most like it: same generation, else same kind of memory. */
const RELATIVE: ReadonlyMap<string, string> = new Map([
  ["b300-sxm", "b200-sxm"],
  ["gb300", "gb200"],
  ["l4", "l40s"],
  ["rtx-4090", "l40s"],
  ["rtx-pro-6000", "rtx-pro-6000-server"],
  ["mi300x", "h100-sxm"],
  ["mi325x", "h100-sxm"],
  ["mi355x", "b200-sxm"],
  ["gaudi2", "a100-sxm-80gb"],
  ["gaudi3", "h100-sxm"],
  ["tpu-v5e", "a100-sxm-80gb"],
  ["tpu-v5p", "a100-sxm-80gb"],
  ["tpu-v6e", "h100-sxm"],
  ["tpu-v7", "b200-sxm"],
]);

/** Efficiencies to use for a device. */
export interface EfficiencyChoice {
  /** The device that they were measured on. */
  readonly measuredOn: string;
  readonly confidence: Confidence;
  readonly efficiencies: OperatorEfficiencies;
}

/** A device's own fitted efficiencies, or those of its nearest measured relative, which is then said. */
export function efficiencyOf(accelerator: Accelerator): EfficiencyChoice {
  const own = MEASURED.get(accelerator.id);
  if (own !== undefined) return { measuredOn: accelerator.id, confidence: "fitted", efficiencies: own };
  const measuredOn = RELATIVE.get(accelerator.id) ?? "h100-sxm";
  return { measuredOn, confidence: "assumed", efficiencies: MEASURED.get(measuredOn)! };
}

/** Grids that a device's own set lacks come from this one. */
export const GENERIC_EFFICIENCIES: OperatorEfficiencies = H100_SXM;

/** All-reduce times over PCIe, for devices without NVLink whose own were not measured. */
export const PCIE_ALL_REDUCE = { measuredOn: "l40s", linkBytesPerUs: 32_000, us: L40S.allReduceUs! };
