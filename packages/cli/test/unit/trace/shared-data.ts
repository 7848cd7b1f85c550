import { existsSync } from "node:fs";
import { resolve } from "node:path";

const root = process.env.WINDTUNNEL_DATA ?? resolve(import.meta.dirname, "../../../../../../shared");

/** Path of a file of real data and, where it is not there, why a test of it is skipped. */
export function sharedData(file: string): { readonly path: string; readonly absent: boolean; readonly reason: string } {
  const path = resolve(root, file);
  const absent = !existsSync(path);
  return { path, absent, reason: absent ? ` (skipped: no ${file} under WINDTUNNEL_DATA or ../shared)` : "" };
}
