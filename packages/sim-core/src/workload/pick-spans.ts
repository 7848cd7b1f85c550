/** Columns in CSR form, row r's numbers being those from offsets[r] to offsets[r+1] of each, for rows in a new order. */
export function pickSpans(
  offsets: Int32Array,
  columns: readonly [Int32Array, Int32Array],
  rows: Int32Array,
): { readonly offsets: Int32Array; readonly columns: readonly [Int32Array, Int32Array] } {
  const picked = new Int32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    picked[i + 1] = picked[i]! + offsets[row + 1]! - offsets[row]!;
  }
  const pick = (column: Int32Array) => {
    const values = new Int32Array(picked[rows.length]!);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      values.set(column.subarray(offsets[row], offsets[row + 1]), picked[i]!);
    }
    return values;
  };
  return { offsets: picked, columns: [pick(columns[0]), pick(columns[1])] };
}
