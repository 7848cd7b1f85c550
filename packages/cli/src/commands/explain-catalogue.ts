import { ACCELERATORS, catalogueModelIds } from "@windtunnel/sim-core";
import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import { formatNumber } from "../output/numbers.ts";
import { textTable } from "../output/table.ts";

/** `windtunnel explain accelerators`: the catalogue's devices. */
export function explainAccelerators(terminal: Terminal): ExitCode {
  const titles = ["Accelerator", "aliases", "BF16 TFLOP/s", "memory GiB", "HBM TB/s", "W", "$/h"];
  const rows = ACCELERATORS.map((a) => [
    a.id,
    a.aliases.join(", "),
    formatNumber(a.peakFlopsPerSecond.bfloat16.value / 1e12),
    formatNumber(a.memoryMib.value / 1024),
    formatNumber(a.memoryBytesPerSecond.value / 1e12),
    formatNumber(a.peakWatts.value),
    a.pricePerHourUsd.value.toFixed(2),
  ]);
  const columns = titles.map((title, i) => ({ title, align: i < 2 ? ("left" as const) : ("right" as const) }));
  terminal.out(textTable({ columns, rows }, useColour(terminal)));
  return ExitCode.pass;
}

/** `windtunnel explain models`: the catalogue's models; any other is given as its `config.json`. */
export function explainModels(terminal: Terminal): ExitCode {
  terminal.out(`${catalogueModelIds().join("\n")}\n`);
  return ExitCode.pass;
}
