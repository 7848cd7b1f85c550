/**
 * Fits the efficiency grids of `packages/sim-core/src/hardware/efficiency/` to the measured kernel times under
 * `WINDTUNNEL_DATA` and writes one file of coefficients for each device.
 *
 *   node --conditions=windtunnel-source scripts/fit/fit.ts
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fitProfiledDevice } from "./fit-profile.ts";
import { fitSystem, MEASURED_DEVICES } from "./fit-system.ts";

const FOLDER = join(import.meta.dirname, "../../packages/sim-core/src/hardware/efficiency");

function writeCoefficients(id: string, fitted: object): void {
  const constant = id.toUpperCase().replaceAll("-", "_");
  const text = JSON.stringify(fitted, (_key, value) =>
    typeof value === "number" ? Number(value.toPrecision(3)) : value,
  );
  writeFileSync(
    join(FOLDER, `${id}.ts`),
    `// Written by scripts/fit/fit.ts.
// biome-ignore-all lint/suspicious/noApproximativeNumericConstant: efficiencies that happen to be near one.
import type { OperatorEfficiencies } from "./operator-efficiencies.ts";

/** Efficiencies of ${id}, fitted; errors in docs/accuracy.md. */
export const ${constant}: OperatorEfficiencies = ${text};
`,
  );
}

const profiled = fitProfiledDevice();
writeCoefficients("rtx-pro-6000-server", profiled);
for (const [system, id] of Object.entries(MEASURED_DEVICES)) {
  writeCoefficients(id, await fitSystem(system, id, profiled.prefillAttention));
}
