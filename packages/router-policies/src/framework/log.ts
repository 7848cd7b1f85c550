const bits = (x: number): DataView => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  return view;
};

const LN2_HI = 0.6931471803691238;
const LN2_LO = 1.9082149292705877e-10;

/**
 * The natural logarithm of a positive, normal number, with the same bits on every engine (`Math.log` may differ).
 *
 * Source: fdlibm `e_log.c` (Sun Microsystems, 1993): reduction to [√½, √2), then a degree-14 minimax polynomial.
 */
export function log(x: number): number {
  const view = bits(x);
  let high = view.getInt32(0);
  let k = (high >> 20) - 1023;
  high &= 0x000fffff;
  const carry = (high + 0x95f64) & 0x100000;
  view.setInt32(0, high | (carry ^ 0x3ff00000));
  k += carry >> 20;
  const f = view.getFloat64(0) - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const odd = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const half = 0.5 * f * f;
  return k * LN2_HI - (half - (s * (half + even + odd) + k * LN2_LO) - f);
}
