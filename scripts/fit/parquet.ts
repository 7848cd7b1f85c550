import { readdirSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";

/** The data folder: `WINDTUNNEL_DATA`, or `../shared` beside the repository. */
export const DATA = process.env.WINDTUNNEL_DATA ?? join(import.meta.dirname, "../../../shared");

const SYSTEMS = join(DATA, "calibration/aiconfigurator/systems/data");

export type Row = Readonly<Record<string, number | string>>;

/** Rows of a system's measured table (`gemm_perf`, `moe_perf`, …), 64-bit integers as numbers; empty where there is none. */
export async function readTable(system: string, operator: string, table: string): Promise<Row[]> {
  const files = readdirSync(join(SYSTEMS, system, operator), { recursive: true, encoding: "utf8" });
  const file = files.find((name) => name.endsWith(`/${table}.parquet`));
  if (file === undefined) return [];
  const rows = await parquetReadObjects({
    file: await asyncBufferFromFile(join(SYSTEMS, system, operator, file)),
    compressors: { ZSTD: (input) => new Uint8Array(zstdDecompressSync(input)) },
  });
  return rows.map((row) => {
    for (const key of Object.keys(row)) if (typeof row[key] === "bigint") row[key] = Number(row[key]);
    return row as Row;
  });
}
