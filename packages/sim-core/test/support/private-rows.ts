import type { Workload } from "../../src/workload/workload.ts";

/** The workload with every n-th row's prompt and answer its own, which no other row can name; with 0 as it was. */
export function withPrivateRows(workload: Workload, n: number): Workload {
  const { segments, ...plain } = workload;
  if (n === 0 || segments === undefined) return workload;
  if (n === 1) return plain;
  const { offsets, ids, endTokens, outputIds, idCount } = segments;
  const rows = Array.from({ length: workload.count }, (_, row) => {
    const [from, to] = row % n === 0 ? [0, 0] : [offsets[row]!, offsets[row + 1]!];
    return { ids: [...ids.slice(from, to)], ends: [...endTokens.slice(from, to)] };
  });
  let entries = 0;
  return {
    ...plain,
    segments: {
      offsets: Int32Array.from([0, ...rows.map((row) => (entries += row.ids.length))]),
      ids: Int32Array.from(rows.flatMap((row) => row.ids)),
      endTokens: Int32Array.from(rows.flatMap((row) => row.ends)),
      idCount,
      ...(outputIds && { outputIds: outputIds.map((id, row) => (row % n === 0 ? -1 : id)) }),
    },
  };
}
